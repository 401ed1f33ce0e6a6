-- Declined and lapsed matches are counted by group of companies, which a member's copy names.
-- squawk-ignore-file require-concurrent-index-creation, adding-not-nullable-field
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.member ADD COLUMN company_group uuid;
UPDATE state.member SET company_group = (convert_from(body, 'UTF8')::jsonb ->> 'group')::uuid;
ALTER TABLE state.member ALTER COLUMN company_group SET NOT NULL;
CREATE INDEX member_by_group ON state.member (lane, market, company_group);
