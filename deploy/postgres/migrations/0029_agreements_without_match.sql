-- Agreements that no match led to and that have not ended: each may hold capacity of its seller's facilities.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

CREATE INDEX agreement_without_match ON state.agreement (seller, agreement)
WHERE match IS NULL AND status NOT IN ('expired', 'terminated');
