-- What the books of either side call an invoice, in lower case, by which each side finds it (docs/decisions/0327).
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion, adding-field-with-default
-- A migration is one transaction, with the services stopped, so it may write the table anew. Row security lets no index be used by lower(reference).
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE state.issued_invoice
    ADD COLUMN seller_calls text GENERATED ALWAYS AS (lower(seller_reference)) STORED,
    ADD COLUMN buyer_calls text GENERATED ALWAYS AS (lower(buyer_reference)) STORED;
DROP INDEX state.issued_invoice_by_seller_reference;
DROP INDEX state.issued_invoice_by_buyer_reference;
CREATE INDEX issued_invoice_of_seller_called_by_seller ON state.issued_invoice (seller, seller_calls)
    WHERE seller_calls IS NOT NULL;
CREATE INDEX issued_invoice_of_seller_called_by_buyer ON state.issued_invoice (seller, buyer_calls)
    WHERE buyer_calls IS NOT NULL;
CREATE INDEX issued_invoice_of_buyer_called_by_seller ON state.issued_invoice (buyer, seller_calls)
    WHERE seller_calls IS NOT NULL;
CREATE INDEX issued_invoice_of_buyer_called_by_buyer ON state.issued_invoice (buyer, buyer_calls)
    WHERE buyer_calls IS NOT NULL;
