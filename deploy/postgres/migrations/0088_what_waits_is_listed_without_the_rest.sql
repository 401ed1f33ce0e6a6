-- Deliveries that may wait for somebody are listed without those that do not any more (docs/decisions/0344). What went
-- back stays among them: what becomes of a return stands in the body alone.
-- squawk-ignore-file require-concurrent-index-creation, adding-field-with-default, ban-drop-default
-- A migration is one transaction, with the services stopped, so it may write the table anew.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE state.delivery ADD COLUMN invoiced boolean NOT NULL DEFAULT false;
UPDATE state.delivery d SET invoiced = true
WHERE EXISTS (
    SELECT FROM state.invoice i
    WHERE i.lane = d.lane AND i.market = d.market AND i.agreement = d.agreement AND i.delivery = d.delivery
);
ALTER TABLE state.delivery ADD COLUMN may_wait boolean NOT NULL GENERATED ALWAYS AS (
    status NOT IN ('rejected', 'withdrawn')
    AND (status NOT IN ('accepted', 'lost') OR NOT invoiced OR position('"returns"'::bytea IN body) > 0)
) STORED;
ALTER TABLE state.delivery ALTER COLUMN invoiced DROP DEFAULT;
CREATE INDEX delivery_of_seller_waiting ON state.delivery (seller, delivery) WHERE may_wait;
CREATE INDEX delivery_of_buyer_waiting ON state.delivery (buyer, delivery) WHERE may_wait;
