-- What the seller's and the buyer's books call an invoice, as each says (docs/decisions/0327).
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped. Nobody has said any of it before.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE state.issued_invoice
    ADD COLUMN seller_reference text,
    ADD COLUMN seller_dated_on date,
    ADD COLUMN buyer_reference text,
    ADD COLUMN buyer_dated_on date;
CREATE INDEX issued_invoice_by_seller_reference ON state.issued_invoice (seller, lower(seller_reference))
    WHERE seller_reference IS NOT NULL;
CREATE INDEX issued_invoice_by_buyer_reference ON state.issued_invoice (buyer, lower(buyer_reference))
    WHERE buyer_reference IS NOT NULL;
