-- name: try_to_lock
-- True when this session may migrate now. The number means nothing, it only must be the same everywhere.
select pg_try_advisory_lock(7305808869231650161)

-- name: has_record
-- Whether any migration was ever applied here.
select to_regclass('schema_migrations') is not null

-- name: make_record
-- The table of the applied migrations.
create table if not exists schema_migrations (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
)

-- name: applied
-- Which files were applied, and what they were then.
select name, sha256 from schema_migrations

-- name: record
-- Remembers a file. $1 name, $2 sha256.
insert into schema_migrations (name, sha256) values ($1, $2)

-- name: limit_waits
-- A migration that waits for a table makes everybody who comes after it wait, too.
set local lock_timeout = '10s'

-- name: quoted_user
-- Who we are, as it is written in SQL.
select quote_ident(session_user)

-- name: has_role
-- Null when there is no role for the service, false when row-level security would not bind it.
select not rolsuper and not rolbypassrls from pg_roles where rolname = 'geo_service'

-- name: make_role
-- The role as which every session of the service runs.
create role geo_service nologin nosuperuser nocreatedb nocreaterole nobypassrls

-- name: act_as_role
-- Fails when we may not become the role.
set local role geo_service

-- name: join_role
-- Lets us become the role.
grant geo_service to session_user
