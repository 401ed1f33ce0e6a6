-- Procurement policies: each as its newest version has it, and every version. Lane key: the policy.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.policy (
    lane bigint NOT NULL,
    policy uuid NOT NULL,
    organisation uuid NOT NULL,
    addressed_to text[] NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    retired boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, policy)
);
CREATE INDEX policy_by_id ON state.policy (policy);
CREATE INDEX policy_of_organisation ON state.policy (organisation, policy);

-- A version never changes.
CREATE TABLE state.policy_version (
    lane bigint NOT NULL,
    policy uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    organisation uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    published_time timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, policy, version)
);
CREATE INDEX policy_version_by_id ON state.policy_version (policy, version);

-- Addressed ones are read as the desk, after the rule of who may see them.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['policy', 'policy_version'] LOOP
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
