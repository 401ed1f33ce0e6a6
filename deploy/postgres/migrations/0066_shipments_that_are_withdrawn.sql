-- A seller may withdraw a shipment before its buyer has said anything of it; its lot may leave again.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.delivery DROP CONSTRAINT delivery_status_check;
ALTER TABLE state.delivery ADD CONSTRAINT delivery_status_check CHECK (
    status IN ('shipped', 'weighed', 'before_umpire', 'assayed', 'accepted', 'rejected', 'lost', 'withdrawn')
);
DROP INDEX state.delivery_lot_once;
CREATE UNIQUE INDEX delivery_lot_once ON state.delivery (lane, market, agreement, lot_number)
    WHERE status NOT IN ('rejected', 'withdrawn');
