-- As 0064_events_of_an_agreement.sql it did not keep why a reader waits on a lane.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE record.consumer ADD COLUMN waits_reason text;
GRANT UPDATE (waits_reason) ON record.consumer TO lodestone_writer, lodestone_auditor;
