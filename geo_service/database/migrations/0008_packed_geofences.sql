-- Covers of geofences are made once, when they are written, and not by every process that starts.

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
