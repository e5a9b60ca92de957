-- What became of each geofence: who, when, what, and each changed field before and after. Every statement that edits
-- geofences leaves its lines here in its own transaction, whoever runs it; nobody takes one back.

-- actor: a key_id, `command line`, or `database` for an edit by hand. store_id: whose the geofence was after the change
-- (for `deleted`: before it). before and after hold the changed fields only. No foreign key to geofences: the lines of a
-- deleted one stay.
create table geofence_history (
    tenant_id uuid not null references tenants,
    geofence_id text not null,
    seq bigint generated always as identity,
    store_id text not null,
    at timestamptz not null,
    what text not null check (what in ('created', 'updated', 'deleted', 'imported')),
    actor text not null,
    version bigint not null,
    before jsonb not null,
    after jsonb not null,
    primary key (tenant_id, geofence_id, seq)
);
alter table geofence_history enable row level security;
alter table geofence_history force row level security;
create policy own_tenant on geofence_history using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert on geofence_history to geo_service;

-- The fields in which two rows of geofences (as JSON; null: there is none) differ.
create function geofence_difference(o jsonb, n jsonb, out before jsonb, out after jsonb)
    language sql immutable
    as $$
    select coalesce(jsonb_object_agg(field, was), '{}'), coalesce(jsonb_object_agg(field, is_now), '{}')
      from (select field, coalesce(o -> field, 'null') as was, coalesce(n -> field, 'null') as is_now
              from unnest('{geometry,name,store_id,radius_m,dwell_s,active,schedule,tags,metadata}'::text[]) as field) f
     where was <> is_now
$$;

-- Who edits is said in geo.actor, when in geo.edited_at (Unix s), and `on` in geo.importing marks an import.
-- The plan of the join is kept from the first edit of a session, mostly one row by one; 500 by 500 in a nested loop would
-- take longer than all the rest of an import.
create function write_geofence_history() returns trigger
    language plpgsql
    set enable_nestloop = off
    as $$
declare
    by_whom text := coalesce(nullif(current_setting('geo.actor', true), ''), 'database');
    edited_at timestamptz := coalesce(
        to_timestamp(nullif(current_setting('geo.edited_at', true), '')::double precision), now());
    imported boolean := current_setting('geo.importing', true) = 'on';
begin
    if tg_op = 'INSERT' then
        insert into geofence_history (tenant_id, geofence_id, store_id, at, what, actor, version, before, after)
        select n.tenant_id, n.geofence_id, n.store_id, edited_at, case when imported then 'imported' else 'created' end,
               by_whom, n.version, '{}', d.after
          from after_rows n, geofence_difference(null, to_jsonb(n)) d;
    elsif tg_op = 'UPDATE' then
        insert into geofence_history (tenant_id, geofence_id, store_id, at, what, actor, version, before, after)
        select n.tenant_id, n.geofence_id, n.store_id, edited_at, case when imported then 'imported' else 'updated' end,
               by_whom, n.version, d.before, d.after
          from after_rows n
          join before_rows o using (tenant_id, geofence_id)
         cross join geofence_difference(to_jsonb(o), to_jsonb(n)) d
         where d.after <> '{}';
    else
        insert into geofence_history (tenant_id, geofence_id, store_id, at, what, actor, version, before, after)
        select o.tenant_id, o.geofence_id, o.store_id, edited_at, 'deleted', by_whom, o.version, d.before, '{}'
          from before_rows o, geofence_difference(to_jsonb(o), null) d;
    end if;
    return null;
end $$;

create trigger geofences_created_history after insert on geofences
    referencing new table as after_rows for each statement execute function write_geofence_history();
create trigger geofences_updated_history after update on geofences
    referencing old table as before_rows new table as after_rows
    for each statement execute function write_geofence_history();
create trigger geofences_deleted_history after delete on geofences
    referencing old table as before_rows for each statement execute function write_geofence_history();
