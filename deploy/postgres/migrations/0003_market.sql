-- State of the market stream: one row per market, member, input, rule set, order, match and clearing. The body is the
-- fact's own struct as JSON; what is queried or counted stands beside it. Rebuilt from events, written by nothing else.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Updated by every batch of its lane, as record.lane is.
CREATE TABLE state.market (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    last_time timestamptz NOT NULL,
    open_orders bigint NOT NULL CHECK (open_orders >= 0),
    plan uuid,
    plan_position bigint,
    last_round bigint NOT NULL CHECK (last_round >= 0),
    last_cut_time timestamptz,
    last_completed_sha256 bytea,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market),
    CHECK ((plan IS NULL) = (plan_position IS NULL))
) WITH (
    fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX market_by_id ON state.market (market);

CREATE TABLE state.member (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    organisation uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    suspended boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, organisation)
);
CREATE INDEX member_by_organisation ON state.member (organisation, market);

-- The newest of each dated input; organisation: the one whose own it is (a buyer's qualification), null when all may see it.
CREATE TABLE state.market_input (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    recorded_time timestamptz NOT NULL,
    organisation uuid,
    source_id text NOT NULL,
    source_position bigint,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, kind, key)
);
CREATE INDEX market_input_by_market ON state.market_input (market, kind, key);

CREATE TABLE state.rule_set (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    rule_set_version bigint NOT NULL CHECK (rule_set_version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    effective_from timestamptz NOT NULL,
    published_time timestamptz NOT NULL,
    signed_by uuid [] NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, position)
);
CREATE INDEX rule_set_by_market ON state.rule_set (market, rule_set_version);

-- Supply offers and recovered lots. A column of its own says what is in the book, so that no index depends on held_g:
-- holds then move by heap-only updates.
CREATE TABLE state.supply (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    supply uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('offer', 'lot')),
    organisation uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'withdrawn', 'expired', 'sold')),
    version bigint NOT NULL CHECK (version >= 1),
    rank bigint NOT NULL CHECK (rank >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    basis_g bigint NOT NULL,
    held_g bigint NOT NULL CHECK (held_g >= 0),
    filled_g bigint NOT NULL CHECK (filled_g >= 0),
    in_book boolean NOT NULL,
    tranche_count bigint NOT NULL CHECK (tranche_count >= 1),
    tranche_committed_g bigint [] NOT NULL,
    valid_until timestamptz NOT NULL,
    lot_identity text,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, supply),
    CHECK (held_g + filled_g <= basis_g),
    CHECK (in_book = (status = 'open' OR held_g > 0))
) WITH (fillfactor = 80);
CREATE INDEX supply_by_id ON state.supply (supply);
CREATE INDEX supply_in_book ON state.supply (lane, market) WHERE in_book;
CREATE INDEX supply_due ON state.supply (valid_until) WHERE status = 'open';

CREATE TABLE state.requirement (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    requirement uuid NOT NULL,
    organisation uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'withdrawn', 'expired', 'sold')),
    version bigint NOT NULL CHECK (version >= 1),
    rank bigint NOT NULL CHECK (rank >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    basis_g bigint NOT NULL,
    held_g bigint NOT NULL CHECK (held_g >= 0),
    filled_g bigint NOT NULL CHECK (filled_g >= 0),
    in_book boolean NOT NULL,
    valid_until timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, requirement),
    CHECK (held_g + filled_g <= basis_g),
    CHECK (in_book = (status = 'open' OR held_g > 0))
) WITH (fillfactor = 80);
CREATE INDEX requirement_by_id ON state.requirement (requirement);
CREATE INDEX requirement_in_book ON state.requirement (lane, market) WHERE in_book;
CREATE INDEX requirement_due ON state.requirement (valid_until) WHERE status = 'open';

CREATE TABLE state.match (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    match uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'confirmed', 'declined', 'lapsed')),
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    supply uuid NOT NULL,
    requirement uuid NOT NULL,
    tranche bigint NOT NULL CHECK (tranche >= 0),
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    confirm_by timestamptz NOT NULL,
    seller_answer text CHECK (seller_answer IN ('confirmed', 'declined')),
    buyer_answer text CHECK (buyer_answer IN ('confirmed', 'declined')),
    seller_reason text,
    buyer_reason text,
    decided_time timestamptz,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, match),
    CHECK ((status = 'open') = (decided_time IS NULL)),
    CHECK (seller <> buyer)
) WITH (fillfactor = 80);
CREATE INDEX match_by_id ON state.match (match);
CREATE INDEX match_open ON state.match (lane, market) WHERE status = 'open';
CREATE INDEX match_due ON state.match (confirm_by) WHERE status = 'open';

-- A party that declined or stayed silent, by the event that said so.
CREATE TABLE state.failing (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    organisation uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    failed_time timestamptz NOT NULL,
    PRIMARY KEY (lane, market, organisation, position)
);

CREATE TABLE state.clearing (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    round bigint NOT NULL CHECK (round >= 1),
    plan uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('planned', 'completed', 'abandoned')),
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    cut bigint NOT NULL CHECK (cut >= 1),
    cut_time timestamptz NOT NULL,
    planned bytea NOT NULL,
    ended bytea,
    ended_sha256 bytea,
    PRIMARY KEY (lane, market, round),
    CHECK ((status = 'planned') = (ended IS NULL))
);
CREATE INDEX clearing_by_plan ON state.clearing (plan);
CREATE INDEX clearing_by_market ON state.clearing (market, round);
CREATE UNIQUE INDEX clearing_one_open_plan ON state.clearing (lane, market) WHERE status = 'planned';

-- Rows that every tenant may read, rows of one organisation, and rows of none but the operator are three kinds of policy.
DO $$
DECLARE
    name text;
    rule text;
BEGIN
    FOR name, rule IN VALUES
        ('market', 'true'),
        ('rule_set', 'true'),
        ('clearing', 'true'),
        ('member', 'organisation = (SELECT state.reader_organisation())'),
        ('failing', 'organisation = (SELECT state.reader_organisation())'),
        ('supply', 'organisation = (SELECT state.reader_organisation())'),
        ('requirement', 'organisation = (SELECT state.reader_organisation())'),
        ('market_input', 'organisation IS NULL OR organisation = (SELECT state.reader_organisation())'),
        ('match', '(SELECT state.reader_organisation()) IN (seller, buyer)')
    LOOP
        EXECUTE format('ALTER TABLE state.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON state.%I TO lodestone_writer', name);
        EXECUTE format('GRANT SELECT ON state.%I TO lodestone_reader, lodestone_auditor', name);
        EXECUTE format(
            'CREATE POLICY writer ON state.%I FOR ALL TO lodestone_writer USING (true) WITH CHECK (true)', name
        );
        EXECUTE format('CREATE POLICY auditor ON state.%I FOR SELECT TO lodestone_auditor USING (true)', name);
        EXECUTE format(
            'CREATE POLICY own ON state.%I FOR SELECT TO lodestone_reader USING '
            '((SELECT state.reader_sees_all()) OR %s)', name, rule
        );
    END LOOP;
END
$$;
