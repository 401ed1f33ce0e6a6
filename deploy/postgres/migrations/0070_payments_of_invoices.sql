-- What the sides of agreements have said of payments, and what of each invoice is paid or set off by others of
-- its delivery: as contracts/rules/payment.py says. No payment was recorded before, so only credits count.
-- squawk-ignore-file ban-drop-default, require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

CREATE TABLE state.payment (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    payment uuid NOT NULL,
    payer uuid NOT NULL,
    payee uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('stated', 'denied', 'received', 'withdrawn', 'reversed')),
    value_on date NOT NULL,
    reference text NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    changed_time timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, market, payment)
);

-- In the signs of the invoice: above zero its buyer pays.
CREATE TABLE state.payment_part (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    payment uuid NOT NULL,
    invoice uuid NOT NULL,
    agreement uuid NOT NULL,
    payer uuid NOT NULL,
    payee uuid NOT NULL,
    stated_cents bigint NOT NULL,
    received_cents bigint NOT NULL,
    received_on date,
    PRIMARY KEY (lane, market, payment, invoice)
);

CREATE UNIQUE INDEX payment_once ON state.payment (lane, market, payer, payee, value_on, reference)
    WHERE status NOT IN ('withdrawn', 'reversed');
CREATE INDEX payment_by_id ON state.payment (payment);
CREATE INDEX payment_of_payer ON state.payment (payer, payment);
CREATE INDEX payment_of_payee ON state.payment (payee, payment);
CREATE INDEX payment_part_of_invoice ON state.payment_part (invoice, payment);

ALTER TABLE state.issued_invoice ADD COLUMN received_cents bigint NOT NULL DEFAULT 0;
ALTER TABLE state.issued_invoice ADD COLUMN stated_cents bigint NOT NULL DEFAULT 0;
ALTER TABLE state.issued_invoice ADD COLUMN set_off_cents bigint NOT NULL DEFAULT 0;
ALTER TABLE state.issued_invoice ADD COLUMN status text NOT NULL DEFAULT 'open'
    CHECK (status IN ('open', 'part_paid', 'paid', 'set_off'));
ALTER TABLE state.issued_invoice ADD COLUMN settled_on date;
ALTER TABLE state.issued_invoice
    ALTER COLUMN received_cents DROP DEFAULT,
    ALTER COLUMN stated_cents DROP DEFAULT,
    ALTER COLUMN set_off_cents DROP DEFAULT,
    ALTER COLUMN status DROP DEFAULT;
CREATE INDEX issued_invoice_by_id ON state.issued_invoice (invoice);
CREATE INDEX issued_invoice_of_delivery ON state.issued_invoice (lane, market, agreement, delivery)
    WHERE delivery IS NOT NULL;

UPDATE state.issued_invoice i SET set_off_cents = m.met
FROM (
    SELECT
        s.lane, s.market, s.agreement, s.invoice,
        (sign(s.total_cents) * greatest(
            least(abs(s.total_cents), least(s.charges, s.credits) - s.before), 0
        ))::bigint AS met
    FROM (
        SELECT
            lane, market, agreement, invoice, total_cents,
            sum(greatest(total_cents, 0)) OVER whole AS charges,
            sum(greatest(-total_cents, 0)) OVER whole AS credits,
            coalesce(sum(abs(total_cents)) OVER earlier, 0) AS before
        FROM state.issued_invoice
        WHERE delivery IS NOT NULL
        WINDOW
            whole AS (PARTITION BY lane, market, agreement, delivery),
            earlier AS (
                PARTITION BY lane, market, agreement, delivery, sign(total_cents)
                ORDER BY issued_time, invoice
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
    ) s
) m
WHERE i.lane = m.lane AND i.market = m.market AND i.agreement = m.agreement AND i.invoice = m.invoice
    AND m.met <> 0;

UPDATE state.issued_invoice i SET
    status = CASE
        WHEN set_off_cents <> total_cents THEN 'part_paid' WHEN total_cents = 0 THEN 'paid' ELSE 'set_off'
    END,
    settled_on = CASE WHEN set_off_cents = total_cents THEN (
        SELECT nullif(max((c.issued_time AT TIME ZONE 'UTC')::date), '-infinity')
        FROM state.issued_invoice c
        WHERE c.lane = i.lane AND c.market = i.market AND c.agreement = i.agreement
            AND (c.invoice = i.invoice OR (c.delivery = i.delivery AND sign(c.set_off_cents) * i.set_off_cents < 0))
    ) END
WHERE set_off_cents <> 0 OR total_cents = 0;

CREATE INDEX issued_invoice_of_seller_open ON state.issued_invoice (seller) WHERE status IN ('open', 'part_paid');
CREATE INDEX issued_invoice_of_buyer_open ON state.issued_invoice (buyer) WHERE status IN ('open', 'part_paid');

ALTER TABLE state.payment ENABLE ROW LEVEL SECURITY;
ALTER TABLE state.payment_part ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.payment, state.payment_part TO lodestone_writer;
GRANT SELECT ON state.payment, state.payment_part TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.payment FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON state.payment_part FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.payment FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY auditor ON state.payment_part FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY parties ON state.payment FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_contracts()) OR (SELECT state.reader_organisation()) IN (payer, payee)
);
CREATE POLICY parties ON state.payment_part FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_contracts()) OR (SELECT state.reader_organisation()) IN (payer, payee)
);
