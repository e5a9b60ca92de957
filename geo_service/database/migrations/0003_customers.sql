-- Customers with their cards, their phones, what they agreed to, and their vouchers.

create table customers (
    tenant_id uuid not null references tenants,
    customer_id text not null,
    card_number text,
    card_tier text,
    card_points integer,
    card_as_of timestamptz,
    favourite_brands text[] not null default '{}',
    attributes jsonb not null default '{}',
    locale text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, customer_id)
);
alter table customers enable row level security;
alter table customers force row level security;
create policy own_tenant on customers using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on customers to geo_service;

-- The consent_* columns are the present state; the ledger `consents` is the proof.
create table devices (
    tenant_id uuid not null references tenants,
    device_id uuid not null,
    token_hash bytea not null,
    platform text not null check (platform in ('ios', 'android')),
    push_token text,
    push_token_at timestamptz,
    push_environment text not null check (push_environment in ('production', 'sandbox')),
    app_version text not null,
    os_version text not null,
    locale text not null,
    time_zone text not null,
    customer_id text,
    consent_location boolean not null default false,
    consent_marketing_push boolean not null default false,
    consent_profiling boolean not null default false,
    created_at timestamptz not null,
    primary key (tenant_id, device_id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, customer_id) references customers
);
create index devices_by_customer on devices (tenant_id, customer_id) where customer_id is not null;
-- One push token belongs to one phone at a time.
create unique index devices_by_push_token on devices (tenant_id, platform, push_token) where push_token is not null;
alter table devices enable row level security;
alter table devices force row level security;
create policy own_tenant on devices using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on devices to geo_service;

create trigger devices_updated after update on devices
    referencing new table as changed for each statement execute function log_changes('device', 'device_id');
create trigger devices_deleted after delete on devices
    referencing old table as changed for each statement execute function log_changes('device', 'device_id');

-- Append-only: the service may add a line and read, never change one (but for cutting the tie to an erased customer).
create table consents (
    tenant_id uuid not null references tenants,
    consent_id bigint generated always as identity,
    device_id uuid not null,
    customer_id text,
    location boolean not null,
    marketing_push boolean not null,
    profiling boolean not null,
    text_version text not null,
    locale text not null,
    app_version text not null,
    at timestamptz not null,
    primary key (tenant_id, consent_id)
);
create index consents_by_device on consents (tenant_id, device_id, at);
alter table consents enable row level security;
alter table consents force row level security;
create policy own_tenant on consents using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert on consents to geo_service;
grant update (customer_id) on consents to geo_service;

-- held_by says which push has promised this voucher; a hold keeps other pushes away, never the customer at the till.
create table vouchers (
    tenant_id uuid not null,
    code text not null,
    customer_id text not null,
    value_amount numeric(12, 2) check (value_amount > 0),
    value_currency text check (value_currency ~ '^[A-Z]{3}$'),
    value_percent numeric(5, 2) check (value_percent > 0 and value_percent <= 100),
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    store_ids text[],
    brands text[],
    min_basket_amount numeric(12, 2) check (min_basket_amount >= 0),
    min_basket_currency text check (min_basket_currency ~ '^[A-Z]{3}$'),
    state text not null default 'active' check (state in ('active', 'redeemed', 'void')),
    held_by uuid,
    held_until timestamptz,
    redeemed_at timestamptz,
    redeemed_store_id text,
    redeemed_receipt_id text,
    redeemed_basket_amount numeric(12, 2),
    redeemed_basket_currency text,
    voided_at timestamptz,
    void_reason text,
    issued_at timestamptz not null,
    primary key (tenant_id, code),
    foreign key (tenant_id, customer_id) references customers on delete cascade,
    check ((value_amount is null) = (value_currency is null)),
    check ((value_amount is null) <> (value_percent is null)),
    check (valid_from < valid_until),
    check ((state = 'redeemed') = (redeemed_at is not null)),
    check ((state = 'void') = (voided_at is not null))
);
create index vouchers_by_customer on vouchers (tenant_id, customer_id);
alter table vouchers enable row level security;
alter table vouchers force row level security;
create policy own_tenant on vouchers using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, update, delete on vouchers to geo_service;

-- The first answer to a till's request, given again to every repetition of it.
create table idempotent_answers (
    tenant_id uuid not null references tenants,
    key_id uuid not null,
    idempotency_key text not null,
    request_hash bytea not null,
    status integer not null,
    body bytea not null,
    at timestamptz not null,
    primary key (tenant_id, key_id, idempotency_key)
);
create index idempotent_answers_by_age on idempotent_answers (tenant_id, at);
alter table idempotent_answers enable row level security;
alter table idempotent_answers force row level security;
create policy own_tenant on idempotent_answers using (tenant_id = geo_tenant()) with check (tenant_id = geo_tenant());
grant select, insert, delete on idempotent_answers to geo_service;
