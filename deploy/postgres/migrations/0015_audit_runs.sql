-- Audits that ended with a verdict, each with its whole report. Operational: a report does not follow from the journal.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- run: UUIDv7, so that they lie in the order in which they were recorded.
CREATE TABLE record.audit_run (
    run uuid PRIMARY KEY,
    recorded_by text NOT NULL CHECK (recorded_by IN ('auditor', 'command')),
    finished_at timestamptz NOT NULL,
    diverged boolean NOT NULL,
    report bytea NOT NULL
);

GRANT SELECT, INSERT ON record.audit_run TO lodestone_auditor;
GRANT SELECT ON record.audit_run TO lodestone_reader;
GRANT SELECT (run, recorded_by, diverged) ON record.audit_run TO lodestone_relay;
