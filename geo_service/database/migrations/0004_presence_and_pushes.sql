-- What a walk leaves behind: transitions, presences, decisions and pushes. No table here holds a raw position.

create table transitions (
    tenant_id uuid not null,
    device_id uuid not null,
    geofence_id text not null,
    kind text not null check (kind in ('approach', 'enter', 'dwell', 'exit')),
    at timestamptz not null,
    visit_id uuid not null,
    confidence real not null,
    cell bigint,
    primary key (tenant_id, device_id, geofence_id, kind, at),
    foreign key (tenant_id, device_id) references devices on delete cascade
);
create index transitions_by_device on transitions (tenant_id, device_id, at desc);
alter table transitions enable row level security;
alter table transitions force row level security;
create policy own_tenant on transitions using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, delete on transitions to geo_service;

-- Which fences a phone is in or approaching; a process that starts reads a phone's rows with its first ping.
create table presences (
    tenant_id uuid not null,
    device_id uuid not null,
    geofence_id text not null,
    phase text not null check (phase in ('approaching', 'inside')),
    visit_id uuid not null,
    since timestamptz not null,
    dwelled_s integer not null default 0,
    primary key (tenant_id, device_id, geofence_id),
    foreign key (tenant_id, device_id) references devices on delete cascade
);
alter table presences enable row level security;
alter table presences force row level security;
create policy own_tenant on presences using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on presences to geo_service;

-- One row per candidate. Candidates that were weighed together share choice_id.
create table decisions (
    tenant_id uuid not null references tenants,
    decision_id uuid not null,
    choice_id uuid not null,
    device_id uuid not null,
    customer_id text,
    geofence_id text not null,
    store_id text not null,
    campaign_id text not null,
    trigger_kind text not null,
    visit_id uuid not null,
    outcome text not null check (outcome in ('sent', 'suppressed')),
    reason text not null,
    push_id uuid,
    deadline_at timestamptz,
    inputs jsonb not null,
    recorded_at timestamptz not null,
    received_at timestamptz not null,
    matched_at timestamptz not null,
    decided_at timestamptz not null,
    committed_at timestamptz not null,
    primary key (tenant_id, decision_id),
    check ((outcome = 'sent') = (reason = 'sent'))
);
create index decisions_by_time on decisions (tenant_id, decided_at desc, decision_id);
create index decisions_by_customer on decisions (tenant_id, customer_id, decided_at desc) where customer_id is not null;
create index decisions_by_device on decisions (tenant_id, device_id, decided_at desc);
create index decisions_by_choice on decisions (tenant_id, choice_id);
create index decisions_by_push on decisions (tenant_id, push_id) where push_id is not null;
alter table decisions enable row level security;
alter table decisions force row level security;
create policy own_tenant on decisions using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on decisions to geo_service;

-- The outbox and what became of it:
--   pending -> accepted | refused | expired | withdrawn | unknown
-- While leased_until lies ahead somebody is at it; after that the sweeper may take it.
create table pushes (
    tenant_id uuid not null references tenants,
    push_id uuid not null,
    offer_id uuid not null,
    decision_id uuid not null,
    device_id uuid not null,
    customer_id text not null,
    store_id text not null,
    geofence_id text not null,
    campaign_id text not null,
    voucher_code text,
    platform text not null check (platform in ('ios', 'android')),
    language text not null,
    title text not null,
    body text not null,
    data jsonb not null,
    collapse_id text not null,
    hand_over_by timestamptz not null,
    deadline_at timestamptz not null,
    window_until timestamptz not null,
    state text not null default 'pending'
        check (state in ('pending', 'accepted', 'refused', 'expired', 'withdrawn', 'unknown')),
    reason text,
    detail text,
    attempts integer not null default 0,
    -- true from a claim until its outcome is recorded: after a crash nobody knows whether that attempt went out
    attempt_open boolean not null default false,
    leased_until timestamptz not null,
    push_token_hash bytea,
    provider_ref text,
    committed_at timestamptz not null,
    handed_over_at timestamptz,
    accepted_at timestamptz,
    delivered_at timestamptz,
    displayed_at timestamptz,
    opened_at timestamptz,
    dismissed_at timestamptz,
    route_started_at timestamptz,
    primary key (tenant_id, push_id),
    unique (tenant_id, offer_id),
    foreign key (tenant_id, decision_id) references decisions
);
create index pushes_to_hand_over on pushes (tenant_id, leased_until) where state = 'pending';
create index pushes_by_customer on pushes (tenant_id, customer_id, committed_at desc);
create index pushes_by_device on pushes (tenant_id, device_id, geofence_id) where state = 'pending';
alter table pushes enable row level security;
alter table pushes force row level security;
create policy own_tenant on pushes using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on pushes to geo_service;

create table receipts (
    tenant_id uuid not null,
    push_id uuid not null,
    kind text not null check (kind in ('delivered', 'displayed', 'opened', 'dismissed', 'route_started')),
    at timestamptz not null,
    received_at timestamptz not null,
    primary key (tenant_id, push_id, kind),
    foreign key (tenant_id, push_id) references pushes on delete cascade
);
alter table receipts enable row level security;
alter table receipts force row level security;
create policy own_tenant on receipts using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, delete on receipts to geo_service;
