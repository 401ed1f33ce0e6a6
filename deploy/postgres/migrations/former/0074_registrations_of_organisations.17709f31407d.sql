-- Its index knew no lanes.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

DROP INDEX record.journal_of_organisation;
CREATE INDEX journal_of_organisation ON record.journal (lane, key) WHERE stream = 'parties' AND type IN (
    'parties.organisation.registered.v1', 'parties.organisation.changed.v1'
);
