-- name: make_table
-- A table of its own for every size; the extension stays.
create extension if not exists postgis;
drop table if exists fences;
create table fences (id integer not null, outline geometry(Polygon, 4326) not null);

-- name: make_indexes
-- After the rows, which is the quickest way.
create index fences_outline on fences using gist (outline);
alter table fences add primary key (id);

-- name: settle
-- Statistics for the planner, and nothing left to clean up while lookups are measured.
vacuum (analyze) fences;

-- name: find_one
-- The geofences of a point.
select id from fences where st_intersects(outline, st_setsrid(st_makepoint($1, $2), 4326));

-- name: find_many
-- The geofences of many points, numbered from 1.
select point.number, fences.id
from unnest($1::float8[], $2::float8[]) with ordinality as point (lng, lat, number)
join fences on st_intersects(fences.outline, st_setsrid(st_makepoint(point.lng, point.lat), 4326));

-- name: change
-- Another outline for a geofence.
update fences set outline = $2 where id = $1;

-- name: bytes_taken
-- The table with its indexes.
select pg_total_relation_size('fences');
