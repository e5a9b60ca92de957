-- What managers edit: stores, the geofences of the stores, and the campaigns that run on them.

create table stores (
    tenant_id uuid not null references tenants,
    store_id text not null,
    name text not null,
    entrance_lat double precision not null check (entrance_lat between -90 and 90),
    entrance_lng double precision not null check (entrance_lng between -180 and 180),
    time_zone text not null,
    opening_hours text,
    address text,
    web_url text,
    languages text[] not null default '{}',
    version bigint not null default 1,
    updated_at timestamptz not null,
    primary key (tenant_id, store_id)
);
alter table stores enable row level security;
alter table stores force row level security;
create policy own_tenant on stores using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on stores to geo_service;

create table geofences (
    tenant_id uuid not null,
    geofence_id text not null,
    store_id text not null,
    name text not null,
    geometry jsonb not null,
    radius_m double precision check (radius_m > 0),
    dwell_s integer check (dwell_s > 0),
    active boolean not null default true,
    schedule text,
    tags text[] not null default '{}',
    metadata jsonb not null default '{}',
    centre_lat double precision not null,
    centre_lng double precision not null,
    min_lat double precision not null,
    max_lat double precision not null,
    min_lng double precision not null,
    max_lng double precision not null,
    version bigint not null default 1,
    updated_at timestamptz not null,
    primary key (tenant_id, geofence_id),
    foreign key (tenant_id, store_id) references stores
);
create index geofences_by_store on geofences (tenant_id, store_id);
alter table geofences enable row level security;
alter table geofences force row level security;
create policy own_tenant on geofences using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on geofences to geo_service;

create table campaigns (
    tenant_id uuid not null references tenants,
    campaign_id text not null,
    document jsonb not null,
    status text not null check (status in ('draft', 'live', 'paused')),
    version bigint not null default 1,
    updated_at timestamptz not null,
    primary key (tenant_id, campaign_id)
);
alter table campaigns enable row level security;
alter table campaigns force row level security;
create policy own_tenant on campaigns using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on campaigns to geo_service;

create trigger stores_inserted after insert on stores
    referencing new table as changed for each statement execute function log_changes('store', 'store_id');
create trigger stores_updated after update on stores
    referencing new table as changed for each statement execute function log_changes('store', 'store_id');
create trigger stores_deleted after delete on stores
    referencing old table as changed for each statement execute function log_changes('store', 'store_id');
create trigger geofences_inserted after insert on geofences
    referencing new table as changed for each statement execute function log_changes('geofence', 'geofence_id');
create trigger geofences_updated after update on geofences
    referencing new table as changed for each statement execute function log_changes('geofence', 'geofence_id');
create trigger geofences_deleted after delete on geofences
    referencing old table as changed for each statement execute function log_changes('geofence', 'geofence_id');
create trigger campaigns_inserted after insert on campaigns
    referencing new table as changed for each statement execute function log_changes('campaign', 'campaign_id');
create trigger campaigns_updated after update on campaigns
    referencing new table as changed for each statement execute function log_changes('campaign', 'campaign_id');
create trigger campaigns_deleted after delete on campaigns
    referencing old table as changed for each statement execute function log_changes('campaign', 'campaign_id');
