-- Tenants, their keys, and the change log that every later table reports to.
--
-- Row-level security is enabled AND forced on every table: the tenant is set per transaction in geo.tenant,
-- and where it is unset no row is seen and none can be written. The service runs as the role geo_service,
-- which owns nothing and has only the privileges granted here.

create function geo_tenant() returns uuid
    language sql stable
    as $$ select nullif(current_setting('geo.tenant', true), '')::uuid $$;

create table tenants (
    tenant_id uuid primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    created_at timestamptz not null default now()
);

-- The names are no secret inside the service: it walks the tenants to load and to sweep.
alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenants_are_listed on tenants for select using (true);
create policy tenants_are_made_by_themselves on tenants for insert with check (tenant_id = geo_tenant());
grant select on tenants to geo_service;

create table tenant_secrets (
    tenant_id uuid primary key references tenants,
    customer_token_secret text,
    customer_token_public_key text,
    check (customer_token_secret is not null or customer_token_public_key is not null)
);
alter table tenant_secrets enable row level security;
alter table tenant_secrets force row level security;
create policy own_tenant on tenant_secrets using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select on tenant_secrets to geo_service;

create table keys (
    tenant_id uuid not null references tenants,
    key_id uuid not null,
    kind text not null check (kind in ('publishable', 'secret')),
    scopes text[] not null default '{}',
    store_ids text[],
    secret_hash bytea not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    primary key (tenant_id, key_id),
    unique (tenant_id, secret_hash)
);
alter table keys enable row level security;
alter table keys force row level security;
create policy own_tenant on keys using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select on keys to geo_service;

-- What was edited, so that every process can catch up. It names things and says nothing about them,
-- so the reader may see all tenants at once.
create table changes (
    seq bigint generated always as identity primary key,
    tenant_id uuid not null,
    kind text not null,
    id text not null,
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null default now()
);
create index changes_by_xid on changes (xid, seq);
create index changes_by_age on changes (at);
alter table changes enable row level security;
alter table changes force row level security;
create policy all_tenants_are_read on changes for select using (true);
create policy own_tenant_is_written on changes for insert with check (tenant_id = geo_tenant());
create policy old_ones_are_pruned on changes for delete using (at < now() - interval '1 hour');
grant select, insert, delete on changes to geo_service;

-- Arguments: the kind of thing, and the column that holds its id.
create function log_changes() returns trigger
    language plpgsql
    as $$
begin
    execute format(
        'insert into changes (tenant_id, kind, id) select distinct tenant_id, %L, %I::text from changed',
        tg_argv[0], tg_argv[1]);
    perform pg_notify('geo_changes', '');
    return null;
end $$;

create trigger keys_inserted after insert on keys
    referencing new table as changed for each statement execute function log_changes('credential', 'key_id');
create trigger keys_updated after update on keys
    referencing new table as changed for each statement execute function log_changes('credential', 'key_id');
create trigger tenant_secrets_inserted after insert on tenant_secrets
    referencing new table as changed for each statement execute function log_changes('tenant', 'tenant_id');
create trigger tenant_secrets_updated after update on tenant_secrets
    referencing new table as changed for each statement execute function log_changes('tenant', 'tenant_id');
