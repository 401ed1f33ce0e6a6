-- Deliveries and invoices of a party over all its agreements: when a delivery last changed, and one row for
-- each invoice, provisional ones too, with the day that it is due: as contracts/rules/invoices.py says.
-- squawk-ignore-file ban-drop-default, require-concurrent-index-creation
-- A migration is one transaction, with the services stopped. -infinity where the journal lacks the event.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE state.delivery ADD COLUMN contract_year bigint NOT NULL DEFAULT 1;
ALTER TABLE state.delivery ADD COLUMN changed_time timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE state.delivery ALTER COLUMN contract_year DROP DEFAULT, ALTER COLUMN changed_time DROP DEFAULT;
UPDATE state.delivery SET contract_year = (convert_from(body, 'UTF8')::jsonb #>> '{shipped,year}')::bigint;
UPDATE state.delivery d SET
    changed_time = (convert_from(j.body, 'UTF8')::jsonb ->> 'time')::timestamptz
FROM record.journal j
WHERE j.stream = 'contracts' AND j.lane = d.lane AND j.position = d.position;
CREATE INDEX delivery_of_seller ON state.delivery (seller, delivery);
CREATE INDEX delivery_of_buyer ON state.delivery (buyer, delivery);
CREATE INDEX delivery_of_seller_changed ON state.delivery (seller, changed_time, delivery);
CREATE INDEX delivery_of_buyer_changed ON state.delivery (buyer, changed_time, delivery);

-- None of it ever changes.
CREATE TABLE state.issued_invoice (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    agreement uuid NOT NULL,
    invoice uuid NOT NULL,
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    delivery uuid,
    contract_year bigint,
    settles text NOT NULL,
    currency text NOT NULL,
    total_cents bigint NOT NULL,
    issued_time timestamptz NOT NULL,
    due_on date NOT NULL,
    PRIMARY KEY (lane, market, agreement, invoice)
);

INSERT INTO state.issued_invoice
SELECT
    f.lane, f.market, f.agreement, f.invoice, f.seller, f.buyer, f.delivery, f.contract_year, f.settles, f.currency,
    f.total_cents, coalesce(f.issued_time, '-infinity'),
    coalesce(
        ((f.issued_time AT TIME ZONE 'UTC')::date + (coalesce(s.terms, a.terms) #>> '{payment,due_days}')::int)::date,
        '-infinity'
    )
FROM (
    SELECT
        i.lane, i.market, i.agreement, i.invoice, i.seller, i.buyer, i.delivery,
        (b.body ->> 'year')::bigint AS contract_year, i.settles, b.body ->> 'currency' AS currency,
        (b.body ->> 'total_cents')::bigint AS total_cents, i.settled_time AS issued_time,
        coalesce(d.shipped_on, (i.settled_time AT TIME ZONE 'UTC')::date) AS priced_on
    FROM state.invoice i
    CROSS JOIN LATERAL (SELECT convert_from(i.body, 'UTF8')::jsonb AS body) b
    LEFT JOIN state.delivery d
        ON d.lane = i.lane AND d.market = i.market AND d.agreement = i.agreement AND d.delivery = i.delivery
    UNION ALL
    SELECT
        d.lane, d.market, d.agreement, (b.shipped ->> 'invoice')::uuid, d.seller, d.buyer, d.delivery,
        d.contract_year, 'provisional', b.shipped ->> 'currency',
        (SELECT coalesce(sum((l ->> 'amount_cents')::bigint), 0)::bigint FROM jsonb_array_elements(b.shipped -> 'lines') l),
        d.shipped_time, d.shipped_on
    FROM state.delivery d
    CROSS JOIN LATERAL (SELECT convert_from(d.body, 'UTF8')::jsonb -> 'shipped' AS shipped) b
) f
JOIN (
    SELECT
        g.lane, g.market, g.agreement, convert_from(g.body, 'UTF8')::jsonb -> 'superseded' AS superseded,
        convert_from(g.body, 'UTF8')::jsonb #> '{standing,terms}' AS terms
    FROM state.agreement g
) a ON a.lane = f.lane AND a.market = f.market AND a.agreement = f.agreement
LEFT JOIN LATERAL (
    SELECT e.former -> 'terms' AS terms
    FROM jsonb_array_elements(a.superseded) WITH ORDINALITY e (former, place)
    WHERE f.priced_on <= (e.former ->> 'until')::date
    ORDER BY e.place LIMIT 1
) s ON true;

CREATE INDEX issued_invoice_of_seller_due ON state.issued_invoice (seller, due_on, invoice);
CREATE INDEX issued_invoice_of_buyer_due ON state.issued_invoice (buyer, due_on, invoice);
CREATE INDEX issued_invoice_of_seller_issued ON state.issued_invoice (seller, issued_time, invoice);
CREATE INDEX issued_invoice_of_buyer_issued ON state.issued_invoice (buyer, issued_time, invoice);

ALTER TABLE state.issued_invoice ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.issued_invoice TO lodestone_writer;
GRANT SELECT ON state.issued_invoice TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.issued_invoice FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.issued_invoice FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY parties ON state.issued_invoice FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_contracts()) OR (SELECT state.reader_organisation()) IN (seller, buyer)
);
