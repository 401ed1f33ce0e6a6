-- Who is in which initiative, who is invited into one (docs/decisions/0288), and its figures by quarter (0289). Partners of before come from what their
-- organisations name; nobody was invited.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.initiative_partner (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    initiative text COLLATE "C" NOT NULL,
    PRIMARY KEY (lane, organisation, initiative)
);
CREATE INDEX initiative_partner_of ON state.initiative_partner (initiative, organisation);

CREATE TABLE state.invitation (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    initiative text COLLATE "C" NOT NULL,
    invited_by uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    PRIMARY KEY (lane, organisation, initiative)
);
CREATE INDEX invitation_into ON state.invitation (initiative, organisation);

CREATE TABLE state.initiative_figures (
    lane bigint NOT NULL,
    initiative text COLLATE "C" NOT NULL,
    since_day date NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, initiative, since_day)
);
CREATE INDEX initiative_figures_of ON state.initiative_figures (initiative, since_day);
CREATE INDEX initiative_figures_in_time ON state.initiative_figures (since_day);

INSERT INTO state.initiative_partner (lane, organisation, initiative)
SELECT o.lane, o.organisation, jsonb_array_elements_text(convert_from(o.body, 'UTF8')::jsonb -> 'initiatives')
FROM state.organisation o;

ALTER TABLE state.initiative_partner ENABLE ROW LEVEL SECURITY;
ALTER TABLE state.invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE state.initiative_figures ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON state.initiative_figures TO lodestone_writer;
GRANT SELECT ON state.initiative_figures TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.initiative_figures FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.initiative_figures FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY overseers ON state.initiative_figures FOR SELECT TO lodestone_reader
USING ((SELECT state.reader_sees_all()));
GRANT SELECT, INSERT, DELETE ON state.initiative_partner, state.invitation TO lodestone_writer;
GRANT SELECT ON state.initiative_partner, state.invitation TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.initiative_partner FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON state.invitation FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.initiative_partner FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY auditor ON state.invitation FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.initiative_partner FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation())
);
CREATE POLICY own ON state.invitation FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation())
);
