-- It found no payment by its id alone; its days of set-off are the same where its product of two amounts did not end it.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

CREATE INDEX payment_by_id ON state.payment (payment);
