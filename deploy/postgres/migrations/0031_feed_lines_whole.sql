-- Lines of offers are a little longer than what PostgreSQL compresses: that was a third of what it cost to store one.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE view.feed SET (toast_tuple_target = 8160);
