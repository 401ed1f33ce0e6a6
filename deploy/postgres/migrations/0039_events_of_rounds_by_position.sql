-- Events of rounds are found by their positions: their ids come from hashes, and each would go into another page of an
-- index over all of them. Those of requests are found by id; lane before stream, so that a text is seldom compared.
-- squawk-ignore-file ban-drop-constraint, require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE record.journal DROP CONSTRAINT journal_stream_lane_event_id_key;
CREATE UNIQUE INDEX journal_by_id ON record.journal (lane, event_id, stream)
WHERE uuid_extract_version(event_id) IS DISTINCT FROM 8;
