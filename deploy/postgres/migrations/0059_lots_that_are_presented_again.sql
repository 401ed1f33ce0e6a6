-- A lot that was rejected may be presented again under its agreement, by the same number; or another stands
-- in for it.
-- squawk-ignore-file require-concurrent-index-creation, ban-drop-constraint
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.delivery ADD COLUMN replaces uuid;
ALTER TABLE state.delivery DROP CONSTRAINT delivery_lane_market_agreement_lot_number_key;
CREATE UNIQUE INDEX delivery_lot_once ON state.delivery (lane, market, agreement, lot_number)
    WHERE status <> 'rejected';
CREATE INDEX delivery_rejected ON state.delivery (lane, market, agreement, lot_number)
    WHERE status = 'rejected';
CREATE INDEX delivery_replacing ON state.delivery (replaces) WHERE replaces IS NOT NULL;
