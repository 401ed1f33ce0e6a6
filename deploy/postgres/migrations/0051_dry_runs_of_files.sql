-- A file may be handed in to be decided only.
-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE ops.import DROP CONSTRAINT import_mode_check;
ALTER TABLE ops.import ADD CONSTRAINT import_mode_check CHECK (mode IN ('all_or_nothing', 'partial', 'dry_run'));
