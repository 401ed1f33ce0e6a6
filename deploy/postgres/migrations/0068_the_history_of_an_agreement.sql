-- What makes an agreement is found without its deliveries: docs/decisions/0279. The types are those of READ_LIFE in
-- contracts/store/agreement_events.py.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

CREATE INDEX journal_of_agreement_life ON record.journal (key) WHERE stream = 'contracts' AND type IN (
    'contracts.agreement.drafted.v1', 'contracts.agreement.proposed.v1', 'contracts.proposal.withdrawn.v1',
    'contracts.agreement.signed.v1', 'contracts.agreement.advanced.v1', 'contracts.condition.settled.v1',
    'contracts.agreement.extended.v1', 'contracts.force-majeure.declared.v1',
    'contracts.force-majeure.ended.v1', 'contracts.agreement.terminated.v1',
    'contracts.declaration.contested.v1', 'contracts.contest.settled.v1'
);
