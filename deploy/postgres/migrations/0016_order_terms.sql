-- Terms of orders stand apart from the rows that a round changes by the thousand: those shrink to a tenth.
-- squawk-ignore-file ban-drop-column
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

CREATE TABLE state.order_terms (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    order_id uuid NOT NULL,
    organisation uuid NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, order_id)
);
INSERT INTO state.order_terms (lane, market, order_id, organisation, body)
SELECT lane, market, supply, organisation, body FROM state.supply
UNION ALL
SELECT lane, market, requirement, organisation, body FROM state.requirement;
ALTER TABLE state.supply DROP COLUMN body;
ALTER TABLE state.requirement DROP COLUMN body;

ALTER TABLE state.order_terms ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.order_terms TO lodestone_writer;
GRANT SELECT ON state.order_terms TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.order_terms FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.order_terms FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.order_terms FOR SELECT TO lodestone_reader
USING ((SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation()));
