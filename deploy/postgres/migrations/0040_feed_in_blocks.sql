-- A row of the feed may be a block of lines: the last one's members, the place and time of the first, and a body that
-- holds them all. Rows that are there are lines, and stay as they are.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE view.feed ADD COLUMN first bigint, ADD COLUMN first_time timestamptz;
