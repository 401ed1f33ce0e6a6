-- State of the materials stream: passports, their steps, what became of what, and accounts of mass balance.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Every passport as its facts have made it; lane key: the passport.
CREATE TABLE state.passport (
    lane bigint NOT NULL,
    passport uuid NOT NULL,
    organisation uuid NOT NULL,
    owner uuid NOT NULL,
    holder uuid NOT NULL,
    facility uuid NOT NULL,
    lot_number text NOT NULL,
    form text NOT NULL,
    status text NOT NULL CHECK (status IN ('live', 'consumed', 'retired')),
    transformation uuid,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, passport)
) WITH (fillfactor = 70);
CREATE INDEX passport_by_id ON state.passport (passport);
CREATE INDEX passport_of_issuer ON state.passport (organisation, passport);
CREATE INDEX passport_of_owner ON state.passport (owner, passport);
CREATE INDEX passport_of_holder ON state.passport (holder, passport);
CREATE INDEX passport_lot ON state.passport (facility, lot_number);

-- What was said of a passport, each fact as it stands in the record; none of it ever changes.
CREATE TABLE state.passport_step (
    lane bigint NOT NULL,
    passport uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    organisation uuid NOT NULL,
    event uuid NOT NULL,
    type text NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    said_time timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, passport, version)
);

-- Lane key: the transformation.
CREATE TABLE state.transformation (
    lane bigint NOT NULL,
    transformation uuid NOT NULL,
    organisation uuid NOT NULL,
    facility uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, transformation)
);
CREATE INDEX transformation_by_id ON state.transformation (transformation);

-- From a passport to a transformation that took of it, and from there to those that it made.
CREATE TABLE state.lineage_edge (
    lane bigint NOT NULL,
    source uuid NOT NULL,
    target uuid NOT NULL,
    organisation uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    PRIMARY KEY (lane, source, target)
);
CREATE INDEX lineage_edge_down ON state.lineage_edge (source, target);
CREATE INDEX lineage_edge_up ON state.lineage_edge (target, source);

-- What transformations paid into a facility's account of one element and kind of claim; lane key: the facility.
CREATE TABLE state.claim_credit (
    lane bigint NOT NULL,
    facility uuid NOT NULL,
    element text NOT NULL,
    claim text NOT NULL CHECK (claim IN ('post_consumer', 'pre_consumer')),
    transformation uuid NOT NULL,
    organisation uuid NOT NULL,
    input_mg bigint NOT NULL CHECK (input_mg >= 0),
    claimed_mg bigint NOT NULL CHECK (claimed_mg BETWEEN 0 AND input_mg),
    deposited_mg bigint NOT NULL CHECK (deposited_mg BETWEEN 0 AND claimed_mg),
    remaining_mg bigint NOT NULL CHECK (remaining_mg BETWEEN 0 AND deposited_mg),
    expires_time timestamptz NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    PRIMARY KEY (lane, facility, element, claim, transformation)
) WITH (fillfactor = 70);
CREATE INDEX claim_credit_open ON state.claim_credit (facility, element, claim, expires_time);

-- The passport that a delivery's seller named: it follows the title.
ALTER TABLE state.delivery ADD COLUMN passport uuid;
UPDATE state.delivery SET passport = (convert_from(body, 'UTF8')::jsonb #>> '{shipped,passport}')::uuid
WHERE convert_from(body, 'UTF8')::jsonb #>> '{shipped,passport}' IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX delivery_of_passport ON state.delivery (delivery) WHERE status = 'accepted' AND passport IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX delivery_by_passport ON state.delivery (passport) WHERE passport IS NOT NULL;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['passport', 'passport_step', 'transformation', 'lineage_edge', 'claim_credit'] LOOP
        EXECUTE format('ALTER TABLE state.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON state.%I TO lodestone_writer', name);
        EXECUTE format('GRANT SELECT ON state.%I TO lodestone_reader, lodestone_auditor', name);
        EXECUTE format(
            'CREATE POLICY writer ON state.%I FOR ALL TO lodestone_writer USING (true) WITH CHECK (true)', name
        );
        EXECUTE format('CREATE POLICY auditor ON state.%I FOR SELECT TO lodestone_auditor USING (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['passport_step', 'transformation', 'lineage_edge', 'claim_credit'] LOOP
        EXECUTE format(
            'CREATE POLICY own ON state.%I FOR SELECT TO lodestone_reader USING '
            '((SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation()))',
            name
        );
    END LOOP;
END
$$;
CREATE POLICY parties ON state.passport FOR SELECT TO lodestone_reader
USING (
    (SELECT state.reader_sees_all())
    OR (SELECT state.reader_organisation()) IN (organisation, owner, holder)
);
