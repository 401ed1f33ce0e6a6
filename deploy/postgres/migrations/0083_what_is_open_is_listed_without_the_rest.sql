-- What is still open of orders, matches, agreements and lots, by itself: lists of it pass over nothing that is
-- closed, however much of that there is (docs/decisions/0338).
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

CREATE INDEX order_entry_open ON view.order_entry (kind, order_id) WHERE status = 'open';
CREATE INDEX order_entry_open_of_organisation ON view.order_entry (organisation, kind, order_id)
WHERE status = 'open';

CREATE INDEX match_entry_open ON view.match_entry (match) WHERE status = 'open';
CREATE INDEX match_entry_open_of_seller ON view.match_entry (seller, match) WHERE status = 'open';
CREATE INDEX match_entry_open_of_buyer ON view.match_entry (buyer, match) WHERE status = 'open';

CREATE INDEX agreement_pending_of_seller ON state.agreement (seller, agreement)
WHERE status IN ('draft', 'term_sheet', 'binding_subject_to_cp', 'suspended_fm');
CREATE INDEX agreement_pending_of_buyer ON state.agreement (buyer, agreement)
WHERE status IN ('draft', 'term_sheet', 'binding_subject_to_cp', 'suspended_fm');

CREATE INDEX passport_live ON state.passport (passport) WHERE status = 'live';
CREATE INDEX passport_live_of_issuer ON state.passport (organisation, passport) WHERE status = 'live';
CREATE INDEX passport_live_of_owner ON state.passport (owner, passport) WHERE status = 'live';
CREATE INDEX passport_live_of_holder ON state.passport (holder, passport) WHERE status = 'live';
