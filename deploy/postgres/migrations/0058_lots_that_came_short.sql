-- Who may still bring what was short of a lot: timers look for its deliveries. None of before has told.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE state.passport ADD COLUMN short_seller uuid;
