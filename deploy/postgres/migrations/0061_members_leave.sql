-- Members that left a market, and organisations that ask for their end or have come to it. None of before has.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE state.member ADD COLUMN left_time timestamptz;
ALTER TABLE state.organisation
    ADD COLUMN closing_asked_time timestamptz,
    ADD COLUMN closed_time timestamptz;
