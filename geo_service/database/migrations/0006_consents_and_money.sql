-- A customer's consents are found by customer, whatever phone he gave them on.
create index consents_by_customer on consents (tenant_id, customer_id, at) where customer_id is not null;

-- Amounts keep the digits of their currency: the dinars have three decimals, and totals in small units are long.
alter table vouchers
    alter column value_amount type numeric,
    alter column min_basket_amount type numeric,
    alter column redeemed_basket_amount type numeric;
