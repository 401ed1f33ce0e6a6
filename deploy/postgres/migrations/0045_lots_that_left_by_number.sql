-- What a seller shipped under any agreement is found by its lot number, whatever the case.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

CREATE INDEX delivery_lot_folded ON state.delivery (seller, lower(lot_number));
