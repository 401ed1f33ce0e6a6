-- Which processes run a reader of a stream: they share its lanes. Operational.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE ops.reader_process (
    name text NOT NULL,
    stream text NOT NULL,
    owner text NOT NULL,
    present_until timestamptz NOT NULL,
    PRIMARY KEY (name, stream, owner)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON ops.reader_process TO lodestone_writer, lodestone_auditor;
