-- What was said of payments is part of the history of each agreement whose invoices they name. The types are those of
-- READ_PAYMENTS in contracts/store/agreement_events.py.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

CREATE INDEX journal_of_payments ON record.journal (key) WHERE stream = 'contracts' AND type IN (
    'contracts.payment.stated.v1', 'contracts.payment.received.v1', 'contracts.payment.denied.v1',
    'contracts.payment.withdrawn.v1', 'contracts.payment.reversed.v1'
);
CREATE INDEX payment_part_of_agreement ON state.payment_part (agreement, payment);
