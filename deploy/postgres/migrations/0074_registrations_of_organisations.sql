-- What an organisation was registered as, found without the rest of its lane: proofs of deals name their parties. The
-- types are those of READ_REGISTRATIONS in market/store/party_events.py.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

CREATE INDEX journal_of_organisation ON record.journal (lane, key) WHERE stream = 'parties' AND type IN (
    'parties.organisation.registered.v1', 'parties.organisation.changed.v1'
);
