-- State of agreements: each as its events have made it, every proposal of it, what was nominated, and its contract years.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- due_time: from when on the clock alone changes the agreement, volume_due_time: its volumes.
CREATE TABLE state.agreement (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    agreement uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('spot', 'offtake')),
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    match uuid,
    status text NOT NULL CHECK (
        status IN (
            'draft', 'term_sheet', 'binding_subject_to_cp', 'effective', 'suspended_fm', 'expired', 'terminated'
        )
    ),
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    due_time timestamptz,
    volume_due_time timestamptz,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, agreement),
    CHECK (seller <> buyer)
) WITH (fillfactor = 70);
CREATE INDEX agreement_by_id ON state.agreement (agreement);
CREATE INDEX agreement_of_seller ON state.agreement (seller, agreement);
CREATE INDEX agreement_of_buyer ON state.agreement (buyer, agreement);
CREATE INDEX agreement_due ON state.agreement (due_time, agreement) WHERE due_time IS NOT NULL;
CREATE INDEX agreement_volume_due ON state.agreement (volume_due_time, agreement) WHERE volume_due_time IS NOT NULL;
CREATE UNIQUE INDEX agreement_one_of_match ON state.agreement (lane, match) WHERE match IS NOT NULL;

-- Terms as they were proposed; none of it ever changes.
CREATE TABLE state.agreement_proposal (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    agreement uuid NOT NULL,
    proposal bigint NOT NULL CHECK (proposal >= 1),
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    proposed_time timestamptz NOT NULL,
    proposed_by text CHECK (proposed_by IN ('seller', 'buyer')),
    note text,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, agreement, proposal)
);
CREATE INDEX agreement_proposal_of ON state.agreement_proposal (agreement, proposal);

-- The newest nomination of each year, quarter or month.
CREATE TABLE state.nomination (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    agreement uuid NOT NULL,
    level text NOT NULL CHECK (level IN ('annual', 'quarterly', 'monthly')),
    period_start timestamptz NOT NULL,
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    nomination uuid NOT NULL,
    contract_year bigint NOT NULL CHECK (contract_year >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, agreement, level, period_start)
);
CREATE INDEX nomination_of ON state.nomination (agreement, level, period_start);

-- Sums of a contract year, and its ledger once it was assessed.
CREATE TABLE state.contract_year (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    agreement uuid NOT NULL,
    contract_year bigint NOT NULL CHECK (contract_year >= 1),
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, agreement, contract_year)
) WITH (fillfactor = 80);
CREATE INDEX contract_year_of ON state.contract_year (agreement, contract_year);

-- Operators run the market, not its contracts: auditors see these tables whole, and what passes rules before anybody sees it.
CREATE FUNCTION state.reader_sees_contracts() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(current_setting('lodestone.role', true), '') IN ('auditor', 'desk');

GRANT EXECUTE ON FUNCTION state.reader_sees_contracts() TO lodestone_writer, lodestone_reader, lodestone_auditor;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['agreement', 'agreement_proposal', 'nomination', 'contract_year'] LOOP
        EXECUTE format('ALTER TABLE state.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON state.%I TO lodestone_writer', name);
        EXECUTE format('GRANT SELECT ON state.%I TO lodestone_reader, lodestone_auditor', name);
        EXECUTE format(
            'CREATE POLICY writer ON state.%I FOR ALL TO lodestone_writer USING (true) WITH CHECK (true)', name
        );
        EXECUTE format('CREATE POLICY auditor ON state.%I FOR SELECT TO lodestone_auditor USING (true)', name);
        EXECUTE format(
            'CREATE POLICY parties ON state.%I FOR SELECT TO lodestone_reader USING '
            '((SELECT state.reader_sees_contracts()) OR (SELECT state.reader_organisation()) IN (seller, buyer))',
            name
        );
    END LOOP;
END
$$;
