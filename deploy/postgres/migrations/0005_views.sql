-- Views: what lists and explanations read. Written by the projector from the topics, so they stand at its position.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE SCHEMA view;

GRANT USAGE ON SCHEMA view TO lodestone_writer, lodestone_reader, lodestone_auditor;

-- Offers, lots and requirements of all times.
CREATE TABLE view.order_entry (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    order_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('offer', 'lot', 'requirement')),
    organisation uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'withdrawn', 'expired', 'sold')),
    version bigint NOT NULL,
    rank bigint NOT NULL,
    position bigint NOT NULL,
    basis_g bigint NOT NULL,
    held_g bigint NOT NULL CHECK (held_g >= 0),
    filled_g bigint NOT NULL CHECK (filled_g >= 0),
    tranche_count bigint NOT NULL,
    tranche_committed_g bigint [] NOT NULL,
    valid_until timestamptz NOT NULL,
    lot_identity text,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, order_id),
    CHECK (held_g + filled_g <= basis_g)
) WITH (fillfactor = 80);
CREATE INDEX order_entry_of_organisation ON view.order_entry (organisation, kind, order_id);
CREATE INDEX order_entry_of_kind ON view.order_entry (kind, order_id);

CREATE TABLE view.match_entry (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    match uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'confirmed', 'declined', 'lapsed')),
    version bigint NOT NULL,
    position bigint NOT NULL,
    supply uuid NOT NULL,
    requirement uuid NOT NULL,
    tranche bigint NOT NULL,
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    seller_answer text,
    buyer_answer text,
    seller_reason text,
    buyer_reason text,
    decided_time timestamptz,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, match)
) WITH (fillfactor = 80);
CREATE INDEX match_entry_of_seller ON view.match_entry (seller, match);
CREATE INDEX match_entry_of_buyer ON view.match_entry (buyer, match);
CREATE INDEX match_entry_by_id ON view.match_entry (match);

-- The evidence of a round, by trade and by order: limits, asks and duals stand here, so no tenant reads it.
CREATE TABLE view.waterfall (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    plan uuid NOT NULL,
    section text NOT NULL,
    supply uuid NOT NULL,
    tranche bigint NOT NULL,
    requirement uuid NOT NULL,
    position bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, plan, section, supply, tranche, requirement)
);

CREATE TABLE view.order_dual (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    plan uuid NOT NULL,
    section text NOT NULL,
    order_id uuid NOT NULL,
    tranche bigint NOT NULL,
    position bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, plan, section, order_id, tranche)
);
CREATE INDEX order_dual_of_order ON view.order_dual (order_id, position);

DO $$
DECLARE
    name text;
    rule text;
BEGIN
    FOR name, rule IN VALUES
        ('order_entry', 'organisation = (SELECT state.reader_organisation())'),
        ('match_entry', '(SELECT state.reader_organisation()) IN (seller, buyer)'),
        ('waterfall', 'false'),
        ('order_dual', 'false')
    LOOP
        EXECUTE format('ALTER TABLE view.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON view.%I TO lodestone_writer', name);
        EXECUTE format('GRANT SELECT ON view.%I TO lodestone_reader, lodestone_auditor', name);
        EXECUTE format(
            'CREATE POLICY writer ON view.%I FOR ALL TO lodestone_writer USING (true) WITH CHECK (true)', name
        );
        EXECUTE format('CREATE POLICY auditor ON view.%I FOR SELECT TO lodestone_auditor USING (true)', name);
        EXECUTE format(
            'CREATE POLICY own ON view.%I FOR SELECT TO lodestone_reader USING '
            '((SELECT state.reader_sees_all()) OR %s)', name, rule
        );
    END LOOP;
END
$$;
