-- State of the parties stream: organisations, their sites, papers and keys. Rebuilt from events, written by nothing else.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE SCHEMA state;

GRANT USAGE ON SCHEMA state TO lodestone_writer, lodestone_reader, lodestone_auditor;

CREATE TABLE state.organisation (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, organisation)
);
CREATE INDEX organisation_by_id ON state.organisation (organisation);

CREATE TABLE state.facility (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    facility uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    revoked boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, organisation, facility)
);
CREATE INDEX facility_by_organisation ON state.facility (organisation, facility);

CREATE TABLE state.certificate (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    certificate uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    revoked boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, organisation, certificate)
);
CREATE INDEX certificate_by_organisation ON state.certificate (organisation, certificate);

CREATE TABLE state.licence (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    licence uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    revoked boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, organisation, licence)
);
CREATE INDEX licence_by_organisation ON state.licence (organisation, licence);

-- The body holds the SHA-256 of the secret, never the secret.
CREATE TABLE state.api_key (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    api_key uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    revoked boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, organisation, api_key)
);
CREATE INDEX api_key_by_organisation ON state.api_key (organisation, api_key);
CREATE INDEX api_key_by_id ON state.api_key (api_key);

-- What a reader's transaction has set for itself with SET LOCAL; absent and empty are null.
CREATE FUNCTION state.reader_organisation() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('lodestone.organisation', true), '')::uuid;

CREATE FUNCTION state.reader_key() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('lodestone.key', true), '')::uuid;

CREATE FUNCTION state.reader_sees_all() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(current_setting('lodestone.role', true), '') IN ('operator', 'auditor', 'desk');

GRANT EXECUTE ON FUNCTION
state.reader_organisation(), state.reader_key(), state.reader_sees_all()
TO lodestone_writer, lodestone_reader, lodestone_auditor;

-- The writer sees every row: the rules authorise. The reader sees its organisation's; each function runs once per query.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['organisation', 'facility', 'certificate', 'licence', 'api_key'] LOOP
        EXECUTE format('ALTER TABLE state.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON state.%I TO lodestone_writer', name);
        EXECUTE format('GRANT SELECT ON state.%I TO lodestone_reader, lodestone_auditor', name);
        EXECUTE format(
            'CREATE POLICY writer ON state.%I FOR ALL TO lodestone_writer USING (true) WITH CHECK (true)', name
        );
        EXECUTE format('CREATE POLICY auditor ON state.%I FOR SELECT TO lodestone_auditor USING (true)', name);
        EXECUTE format(
            'CREATE POLICY own ON state.%I FOR SELECT TO lodestone_reader USING '
            '((SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation()))',
            name
        );
    END LOOP;
END
$$;

CREATE POLICY door ON state.api_key FOR SELECT TO lodestone_reader USING (api_key = (SELECT state.reader_key()));
