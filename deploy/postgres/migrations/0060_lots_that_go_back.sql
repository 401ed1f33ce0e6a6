-- Passports of what went back after it was accepted: timers look for those that have not followed.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.delivery ADD COLUMN returned_passports uuid [];
CREATE INDEX delivery_returned ON state.delivery (delivery) WHERE returned_passports IS NOT NULL;
