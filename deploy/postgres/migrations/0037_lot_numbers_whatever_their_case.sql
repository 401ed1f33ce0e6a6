-- Numbers that differ by case alone are of one lot: passports and reservations are found by them folded.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

CREATE INDEX passport_lot_folded ON state.passport (facility, lower(lot_number));
DROP INDEX state.passport_lot;
CREATE INDEX lot_reservation_folded ON state.lot_reservation (lower(identity));
