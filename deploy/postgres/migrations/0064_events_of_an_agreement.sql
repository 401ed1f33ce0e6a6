-- The events of one agreement are found without the rest of their lane: docs/decisions/0272 says what it costs.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

CREATE INDEX journal_of_agreement ON record.journal (key) WHERE stream = 'contracts';
