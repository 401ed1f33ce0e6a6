-- Initiatives, by their code: the one state of the parties stream that every tenant may read. Codes sort by their bytes.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.initiative (
    lane bigint NOT NULL,
    initiative text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    revoked boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, initiative)
);
CREATE INDEX initiative_by_code ON state.initiative (initiative);

ALTER TABLE state.initiative ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.initiative TO lodestone_writer;
GRANT SELECT ON state.initiative TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.initiative FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.initiative FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.initiative FOR SELECT TO lodestone_reader USING (true);
