-- When an invoice last changed, by a payment or by another of its delivery, and the day of value that counts of a
-- payment (docs/decisions/0327).
-- squawk-ignore-file ban-drop-default, require-concurrent-index-creation
-- A migration is one transaction, with the services stopped. -infinity where the journal lacks the event.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE state.issued_invoice ADD COLUMN changed_time timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE state.issued_invoice ALTER COLUMN changed_time DROP DEFAULT;
UPDATE state.issued_invoice i SET changed_time = n.changed_time
FROM (
    SELECT
        s.lane, s.market, s.agreement, s.invoice,
        max(greatest(s.issued_time, p.paid_time)) OVER (
            PARTITION BY s.lane, s.market, s.agreement, coalesce(s.delivery, s.invoice)
        ) AS changed_time
    FROM state.issued_invoice s
    LEFT JOIN (
        SELECT t.lane, t.market, t.agreement, t.invoice, max(m.changed_time) AS paid_time
        FROM state.payment_part t
        JOIN state.payment m ON m.lane = t.lane AND m.market = t.market AND m.payment = t.payment
        GROUP BY t.lane, t.market, t.agreement, t.invoice
    ) p ON p.lane = s.lane AND p.market = s.market AND p.agreement = s.agreement AND p.invoice = s.invoice
) n
WHERE n.lane = i.lane AND n.market = i.market AND n.agreement = i.agreement AND n.invoice = i.invoice;
CREATE INDEX issued_invoice_of_seller_changed ON state.issued_invoice (seller, changed_time, invoice);
CREATE INDEX issued_invoice_of_buyer_changed ON state.issued_invoice (buyer, changed_time, invoice);

ALTER TABLE state.payment ADD COLUMN counted_on date NOT NULL DEFAULT '-infinity';
ALTER TABLE state.payment ALTER COLUMN counted_on DROP DEFAULT;
UPDATE state.payment SET counted_on = coalesce(
    (convert_from(body, 'UTF8')::jsonb #>> '{received,value_on}')::date, value_on
);
CREATE INDEX payment_of_payer_changed ON state.payment (payer, changed_time, payment);
CREATE INDEX payment_of_payee_changed ON state.payment (payee, changed_time, payment);
