-- What rounds recorded of each order is read where it is recorded, in the journal (docs/decisions/0341). Idempotency
-- keys are dropped when they are so old (0343); those that a recovery brought count from now on.
-- squawk-ignore-file ban-drop-table
-- A migration is one transaction, with the services stopped, and the dropped tables hold nothing that the journal does not.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

DROP TABLE view.order_dual;
DROP TABLE view.multiplier;

ALTER TABLE record.restored_request ADD COLUMN at timestamptz NOT NULL DEFAULT now();

GRANT DELETE ON record.request, record.restored_request TO lodestone_writer;
