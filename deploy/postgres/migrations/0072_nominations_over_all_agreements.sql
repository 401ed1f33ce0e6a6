-- Nominations of a party over all its agreements: by the begin of their periods, or by when their word was given.
-- squawk-ignore-file ban-drop-default, require-concurrent-index-creation
-- A migration is one transaction, with the services stopped. -infinity where the journal lacks the event.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE state.nomination ADD COLUMN changed_time timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE state.nomination ADD COLUMN silent boolean NOT NULL DEFAULT false;
ALTER TABLE state.nomination ALTER COLUMN changed_time DROP DEFAULT, ALTER COLUMN silent DROP DEFAULT;
UPDATE state.nomination SET silent = coalesce((convert_from(body, 'UTF8')::jsonb -> 'silent')::boolean, false);
UPDATE state.nomination n SET
    changed_time = (convert_from(j.body, 'UTF8')::jsonb ->> 'time')::timestamptz
FROM record.journal j
WHERE j.stream = 'contracts' AND j.lane = n.lane AND j.position = n.position;
CREATE INDEX nomination_of_seller ON state.nomination (seller, period_start, nomination);
CREATE INDEX nomination_of_buyer ON state.nomination (buyer, period_start, nomination);
CREATE INDEX nomination_of_seller_changed ON state.nomination (seller, changed_time, nomination);
CREATE INDEX nomination_of_buyer_changed ON state.nomination (buyer, changed_time, nomination);
