-- Twins of products, each version as it was stated; none of it ever changes. Lane key: the twin.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.product_twin (
    lane bigint NOT NULL,
    twin uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    organisation uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    stated_time timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, twin, version)
);
CREATE INDEX product_twin_by_id ON state.product_twin (twin, version);
CREATE INDEX product_twin_of_organisation ON state.product_twin (organisation, twin, version);

ALTER TABLE state.product_twin ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON state.product_twin TO lodestone_writer;
GRANT SELECT ON state.product_twin TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.product_twin FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.product_twin FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.product_twin FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation())
);
