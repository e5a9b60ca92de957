-- name: set_tenant
-- Makes row-level security show one tenant's rows until the end of the transaction. $1 tenant_id as text.
select set_config('geo.tenant', $1, true)

-- name: ping
-- Answers when Postgres does.
select 1

-- name: acting_role
-- Whose privileges this session has.
select current_user::text
