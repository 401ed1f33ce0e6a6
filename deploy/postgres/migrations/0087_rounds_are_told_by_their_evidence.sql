-- What rounds recorded of each order is read where it is recorded, in the journal (docs/decisions/0341).
-- squawk-ignore-file ban-drop-table
-- A migration is one transaction, with the services stopped, and the tables hold nothing that the journal does not.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

DROP TABLE view.order_dual;
DROP TABLE view.multiplier;
