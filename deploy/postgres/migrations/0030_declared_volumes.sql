-- Volumes that were not traded here, as they stand now, and what was said of each. Lane key: the organisation.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.declared_volume (
    lane bigint NOT NULL,
    volume uuid NOT NULL,
    organisation uuid NOT NULL,
    quarter date NOT NULL,
    reference text NOT NULL,
    document text NOT NULL,
    status text NOT NULL CHECK (status IN ('standing', 'withdrawn')),
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, volume)
);
CREATE INDEX declared_volume_by_id ON state.declared_volume (volume);
CREATE INDEX declared_volume_of_organisation ON state.declared_volume (organisation, volume);
CREATE INDEX declared_volume_in_quarter ON state.declared_volume (quarter, volume) WHERE status = 'standing';
CREATE INDEX declared_volume_of_quarter ON state.declared_volume (organisation, quarter, volume)
    WHERE status = 'standing';
CREATE INDEX declared_volume_of_reference ON state.declared_volume (organisation, reference)
    WHERE status = 'standing';
CREATE INDEX declared_volume_of_document ON state.declared_volume (organisation, document)
    WHERE status = 'standing';

CREATE TABLE state.declared_volume_step (
    lane bigint NOT NULL,
    volume uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    organisation uuid NOT NULL,
    event uuid NOT NULL,
    type text NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    said_time timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, volume, version)
);

ALTER TABLE state.declared_volume ENABLE ROW LEVEL SECURITY;
ALTER TABLE state.declared_volume_step ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.declared_volume TO lodestone_writer;
GRANT SELECT, INSERT ON state.declared_volume_step TO lodestone_writer;
GRANT SELECT ON state.declared_volume, state.declared_volume_step TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.declared_volume FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON state.declared_volume_step FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.declared_volume FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY auditor ON state.declared_volume_step FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.declared_volume FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation())
);
CREATE POLICY own ON state.declared_volume_step FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation())
);
