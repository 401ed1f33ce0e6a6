-- Bodies of the journal are stored as they are: compressing them took a round's lane a tenth of its time.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE record.journal ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE record.journal SET (toast_tuple_target = 8160);
