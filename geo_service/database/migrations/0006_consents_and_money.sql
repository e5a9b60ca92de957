-- A customer's consents are found by customer, whatever phone he gave them on.
create index consents_by_customer on consents (tenant_id, customer_id, at) where customer_id is not null;

-- Amounts keep the digits of their currency: the dinars have three decimals, and totals in small units are long.
alter table vouchers
    alter column value_amount type numeric,
    alter column min_basket_amount type numeric,
    alter column redeemed_basket_amount type numeric;

-- A token may be longer (4,096 characters) than what an index holds (2,700 bytes). Tokens have no backslash, so that
-- the cast takes them as they are.
drop index devices_by_push_token;
create unique index devices_by_push_token on devices (tenant_id, platform, sha256(push_token::bytea))
    where push_token is not null;
