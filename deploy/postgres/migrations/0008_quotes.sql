-- Questions about a round, counted by group of companies and day. What was asked stands in the record alone.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.quote (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    quote uuid NOT NULL,
    organisation uuid NOT NULL,
    company_group uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    asked_time timestamptz NOT NULL,
    PRIMARY KEY (lane, market, quote)
);
CREATE INDEX quote_by_group ON state.quote (lane, market, company_group, asked_time);

ALTER TABLE state.quote ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON state.quote TO lodestone_writer;
GRANT SELECT ON state.quote TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.quote FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.quote FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.quote FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation())
);
