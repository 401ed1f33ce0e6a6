-- State of deliveries and invoices, and the values of indices that they are priced by.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- due_time: when the exchange of assays is over, while it is open.
CREATE TABLE state.delivery (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    agreement uuid NOT NULL,
    delivery uuid NOT NULL,
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    lot_number text NOT NULL,
    shipped_on date NOT NULL,
    status text NOT NULL CHECK (
        status IN ('shipped', 'weighed', 'before_umpire', 'assayed', 'accepted', 'rejected')
    ),
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    due_time timestamptz,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, agreement, delivery),
    UNIQUE (lane, market, agreement, lot_number)
) WITH (fillfactor = 70);
CREATE INDEX delivery_by_id ON state.delivery (delivery);
CREATE INDEX delivery_of ON state.delivery (agreement, delivery);
CREATE INDEX delivery_in_time ON state.delivery (lane, market, agreement, shipped_on);
CREATE INDEX delivery_due ON state.delivery (due_time, delivery) WHERE due_time IS NOT NULL;

-- None of it ever changes: a restatement makes another row.
CREATE TABLE state.invoice (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    agreement uuid NOT NULL,
    invoice uuid NOT NULL,
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    delivery uuid,
    period_start timestamptz,
    settles text NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    settled_time timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, agreement, invoice)
);
CREATE INDEX invoice_of ON state.invoice (agreement, invoice);
CREATE INDEX invoice_of_delivery ON state.invoice (lane, market, agreement, delivery, position)
WHERE delivery IS NOT NULL;
CREATE INDEX invoice_of_period ON state.invoice (lane, market, agreement, period_start, position)
WHERE period_start IS NOT NULL;

-- What an index counts; lane key: its code.
CREATE TABLE state.price_index (
    lane bigint NOT NULL,
    code text NOT NULL,
    currency text NOT NULL,
    per text,
    rate_of text,
    position bigint NOT NULL CHECK (position >= 1),
    PRIMARY KEY (lane, code),
    CHECK ((per IS NULL) <> (rate_of IS NULL))
);

-- Every value that was published, restatements beside what they restate.
CREATE TABLE state.index_value (
    lane bigint NOT NULL,
    code text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    amount_micro bigint NOT NULL CHECK (amount_micro > 0),
    as_of date NOT NULL,
    source text NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    PRIMARY KEY (lane, code, period_start, published_at),
    CHECK (period_end > period_start)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['delivery', 'invoice', 'price_index', 'index_value'] LOOP
        EXECUTE format('ALTER TABLE state.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON state.%I TO lodestone_writer', name);
        EXECUTE format('GRANT SELECT ON state.%I TO lodestone_reader, lodestone_auditor', name);
        EXECUTE format(
            'CREATE POLICY writer ON state.%I FOR ALL TO lodestone_writer USING (true) WITH CHECK (true)', name
        );
        EXECUTE format('CREATE POLICY auditor ON state.%I FOR SELECT TO lodestone_auditor USING (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['delivery', 'invoice'] LOOP
        EXECUTE format(
            'CREATE POLICY parties ON state.%I FOR SELECT TO lodestone_reader USING '
            '((SELECT state.reader_sees_contracts()) OR (SELECT state.reader_organisation()) IN (seller, buyer))',
            name
        );
    END LOOP;
    FOREACH name IN ARRAY ARRAY['price_index', 'index_value'] LOOP
        EXECUTE format('CREATE POLICY everybody ON state.%I FOR SELECT TO lodestone_reader USING (true)', name);
    END LOOP;
END
$$;
