-- A sold lot whose passport goes back to its seller is free again: a status of its own.
-- squawk-ignore-file constraint-missing-not-valid, ban-drop-constraint
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.lot_reservation DROP CONSTRAINT lot_reservation_status_check;
ALTER TABLE state.lot_reservation ADD CONSTRAINT lot_reservation_status_check
CHECK (status IN ('reserved', 'withdrawn', 'expired', 'sold', 'returned'));
