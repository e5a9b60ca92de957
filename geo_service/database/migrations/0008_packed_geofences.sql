-- A million geofences: their cells are made once, when they are written, and not by every process that starts; and those
-- in a box are found without looking at all of them.

-- packed: the shape with its cells, as geofences/packed.py makes it; null: make it from the geometry, which stays the
-- truth.
alter table geofences add column packed bytea;
-- Short and full of numbers: to try to compress it takes longer than it saves.
alter table geofences alter column packed set storage external;

create function forget_packed() returns trigger
    language plpgsql
    as $$
begin
    new.packed := null;
    return new;
end $$;

-- Whoever changes a geometry without packing it anew (by hand, or an earlier version of the service).
create trigger geofences_forget_packed before update on geofences
    for each row
    when (new.packed is not distinct from old.packed
          and (new.geometry, new.radius_m) is distinct from (old.geometry, old.radius_m))
    execute function forget_packed();

-- As before, but silent where geo.derived is `on`: what is packed anew follows from what everybody knows.
create or replace function log_changes() returns trigger
    language plpgsql
    as $$
begin
    if current_setting('geo.derived', true) = 'on' then
        return null;
    end if;
    execute format(
        'insert into changes (tenant_id, kind, id) select distinct tenant_id, %L, %I::text from changed',
        tg_argv[0], tg_argv[1]);
    perform pg_notify('geo_changes', '');
    return null;
end $$;

-- The active geofences among p_ids, for memory, in one round trip. written_by: the transaction that wrote the row, as
-- far as the row tells (the lower 32 bits of what changes.xid holds).
create function live_geofences(p_tenant uuid, p_ids text[])
    returns table (geofence_id text, store_id text, name text, packed bytea, dwell_s integer, tags text[], schedule text,
                   written_by bigint)
    language plpgsql
    as $$
begin
    perform set_config('geo.tenant', p_tenant::text, true);
    return query
        select g.geofence_id, g.store_id, g.name, g.packed, g.dwell_s, g.tags, g.schedule, g.xmin::text::bigint
          from geofences g where g.active and g.geofence_id = any (p_ids);
end $$;

-- Where geofences are that are no taller than 0.05 degrees (5.5 km) and do not cross the antimeridian: all that begin in a
-- band of latitude can reach into it from 0.05 degrees below only (and rounding). And the others, which are few.
create index geofences_by_place on geofences (tenant_id, min_lat, min_lng, max_lng)
    where max_lat - min_lat <= 0.05 and min_lng <= max_lng;
create index geofences_of_size on geofences (tenant_id, geofence_id)
    where not (max_lat - min_lat <= 0.05 and min_lng <= max_lng);

-- The geofences of the tenant whose own box meets this one, in degrees; west > east: over the antimeridian, for both.
-- A single statement, so that callers' plans look into it. (An index of boxes, GiST, would not be used: its operators
-- are not leakproof, and row-level security comes first.)
create function geofences_in_box(
    west double precision, south double precision, east double precision, north double precision)
    returns setof geofences
    language sql stable
    as $$
    select * from geofences
     where max_lat - min_lat <= 0.05 and min_lng <= max_lng
       and min_lat >= south - 0.0501 and min_lat <= north and max_lat >= south
       and case when west <= east then min_lng <= east and max_lng >= west
                else min_lng <= east or max_lng >= west end
     union all
    select * from geofences
     where not (max_lat - min_lat <= 0.05 and min_lng <= max_lng)
       and min_lat <= north and max_lat >= south
       and case when min_lng <= max_lng and west <= east then min_lng <= east and max_lng >= west
                when min_lng <= max_lng or west <= east then min_lng <= east or max_lng >= west
                else true end
$$;
