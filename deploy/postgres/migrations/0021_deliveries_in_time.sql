-- Accepted deliveries of a time, over all agreements: shares of consumption count them.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE INDEX delivery_accepted_in_time ON state.delivery (shipped_on) WHERE status = 'accepted';
