-- The events of one agreement are found without the rest of their lane: docs/decisions/0272 says what it costs.
-- And why a reader waits on a lane: it has read what an older journal lacks.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

CREATE INDEX journal_of_agreement ON record.journal (key) WHERE stream = 'contracts';

ALTER TABLE record.consumer ADD COLUMN waits_reason text;
GRANT UPDATE (waits_reason) ON record.consumer TO lodestone_writer, lodestone_auditor;
