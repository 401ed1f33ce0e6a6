-- Accepted deliveries of a time, over all agreements: shares of consumption count them.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

CREATE INDEX delivery_accepted_in_time ON state.delivery (shipped_on) WHERE status = 'accepted';
