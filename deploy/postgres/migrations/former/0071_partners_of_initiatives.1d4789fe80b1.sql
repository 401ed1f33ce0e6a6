-- It did not know figures of initiatives.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

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
ALTER TABLE state.initiative_figures ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON state.initiative_figures TO lodestone_writer;
GRANT SELECT ON state.initiative_figures TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.initiative_figures FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.initiative_figures FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY overseers ON state.initiative_figures FOR SELECT TO lodestone_reader
USING ((SELECT state.reader_sees_all()));
