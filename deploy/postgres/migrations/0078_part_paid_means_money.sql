-- An invoice of which only credits took something back is open: nobody has paid any of it (docs/decisions/0287).
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

UPDATE state.issued_invoice SET status = 'open' WHERE status = 'part_paid' AND received_cents = 0;
