-- How many accepted rows of a file there is more to know about: its report says what.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE ops.import ADD COLUMN warned bigint NOT NULL DEFAULT 0 CHECK (warned >= 0);
