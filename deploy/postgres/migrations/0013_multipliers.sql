-- The prices of requirements' portfolio limits in a round: what a buyer may see of its own goes through rules.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE view.multiplier (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    plan uuid NOT NULL,
    section text NOT NULL,
    requirement uuid NOT NULL,
    position bigint NOT NULL,
    number bigint NOT NULL CHECK (number >= 0),
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, plan, requirement, position, number)
);

ALTER TABLE view.multiplier ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON view.multiplier TO lodestone_writer;
GRANT SELECT ON view.multiplier TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON view.multiplier FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON view.multiplier FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON view.multiplier FOR SELECT TO lodestone_reader USING ((SELECT state.reader_sees_all()));
