-- A round moves nearly every order that it trades, most of them out of the book: both versions of a row, and of its
-- entries in the two indexes that hold every order, then stand on one page, which nothing has to be divided for.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE state.supply SET (fillfactor = 45);
ALTER INDEX state.supply_pkey SET (fillfactor = 45);
ALTER INDEX state.supply_by_id SET (fillfactor = 45);

ALTER TABLE state.requirement SET (fillfactor = 45);
ALTER INDEX state.requirement_pkey SET (fillfactor = 45);
ALTER INDEX state.requirement_by_id SET (fillfactor = 45);
