-- Files that were handed in: what came, how far they are worked off, and what became of each row. Operational: what was
-- accepted stands in the journal.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- `key` and `roles` are the caller's; `owner` works it off until `leased_until`. `problem`: what is wrong with the file
-- as a whole, as JSON. `market` stands in rows that name none.
CREATE TABLE ops.import (
    import uuid PRIMARY KEY,
    organisation uuid NOT NULL,
    key uuid NOT NULL,
    roles text [] NOT NULL,
    request_key text NOT NULL,
    request_hash bytea,
    kind text NOT NULL,
    format text NOT NULL CHECK (format IN ('csv', 'xlsx', 'ndjson')),
    mode text NOT NULL CHECK (mode IN ('all_or_nothing', 'partial')),
    separator text,
    market text,
    state text NOT NULL CHECK (
        state IN ('receiving', 'waiting', 'checking', 'storing', 'completed', 'refused', 'cancelled', 'failed')
    ),
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    rows_total bigint,
    rows_read bigint NOT NULL CHECK (rows_read >= 0),
    accepted bigint NOT NULL CHECK (accepted >= 0),
    refused bigint NOT NULL CHECK (refused >= 0),
    problem bytea,
    cancel_asked boolean NOT NULL,
    created_at timestamptz NOT NULL,
    storing_since timestamptz,
    finished_at timestamptz,
    owner text,
    leased_until timestamptz,
    CHECK (rows_read >= accepted + refused)
);
CREATE UNIQUE INDEX import_of_request ON ops.import (organisation, request_key);
CREATE INDEX import_open ON ops.import (import) WHERE state IN ('waiting', 'checking', 'storing');

-- The file in parts, for as long as it is needed. It does not get smaller by another packing.
CREATE TABLE ops.import_part (
    import uuid NOT NULL REFERENCES ops.import ON DELETE CASCADE,
    number bigint NOT NULL CHECK (number >= 0),
    content bytea NOT NULL,
    PRIMARY KEY (import, number)
);
ALTER TABLE ops.import_part ALTER COLUMN content SET STORAGE EXTERNAL;

-- Report lines of the rows from one row of the file up to the next entry, as JSON.
CREATE TABLE ops.import_report (
    import uuid NOT NULL REFERENCES ops.import ON DELETE CASCADE,
    first_row bigint NOT NULL CHECK (first_row >= 1),
    lines bytea NOT NULL,
    PRIMARY KEY (import, first_row)
);

ALTER TABLE ops.import ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.import_report ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON ops.import, ops.import_part, ops.import_report TO lodestone_writer;
GRANT SELECT ON ops.import, ops.import_report TO lodestone_reader;
CREATE POLICY writer ON ops.import FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON ops.import_report FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
-- Rows that were refused may hold prices, so nobody but their owner sees them, operators included.
CREATE POLICY own ON ops.import FOR SELECT TO lodestone_reader
USING (organisation = (SELECT state.reader_organisation()));
CREATE POLICY own ON ops.import_report FOR SELECT TO lodestone_reader
USING (import IN (SELECT i.import FROM ops.import AS i));
