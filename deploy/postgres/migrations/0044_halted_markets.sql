-- A market that is halted takes no orders and plans no round.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE state.market ADD COLUMN halted_time timestamptz, ADD COLUMN halted_reason text;
