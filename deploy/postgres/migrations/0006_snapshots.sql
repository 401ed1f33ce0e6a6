-- What readers keep in memory, so that a restart need not read the record from its first event. Operational.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE SCHEMA IF NOT EXISTS ops;

-- The newest snapshot of each reader and lane.
CREATE TABLE ops.snapshot (
    name text NOT NULL,
    stream text NOT NULL,
    lane bigint NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    format text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (name, stream, lane)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ops.snapshot TO lodestone_writer;
GRANT SELECT ON ops.snapshot TO lodestone_auditor;
