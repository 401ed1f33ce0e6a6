-- What the funnel sums up, in columns of its own; and terms that amendments have replaced, in the agreements' bodies.
-- squawk-ignore-file ban-drop-default, require-concurrent-index-creation
-- A migration is one transaction, with the services stopped: state tables have no defaults.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.match
ADD COLUMN struck_time timestamptz NOT NULL DEFAULT '-infinity',
ADD COLUMN quantity_g bigint NOT NULL DEFAULT 0,
ADD COLUMN price_ueur_per_kg bigint NOT NULL DEFAULT 0,
ADD COLUMN amount_cents bigint NOT NULL DEFAULT 0;
UPDATE state.match m SET
    struck_time = c.cut_time,
    quantity_g = (b.struck ->> 'quantity_basis_g')::bigint,
    price_ueur_per_kg = (b.struck ->> 'price_ueur_per_kg')::bigint,
    amount_cents = (b.struck ->> 'amount_cents_eur')::bigint
FROM state.match o
CROSS JOIN LATERAL (SELECT convert_from(o.body, 'UTF8')::jsonb AS struck) b
JOIN state.clearing c ON c.lane = o.lane AND c.market = o.market AND c.round = (b.struck ->> 'round')::bigint
WHERE m.lane = o.lane AND m.market = o.market AND m.match = o.match;
ALTER TABLE state.match
ALTER COLUMN struck_time DROP DEFAULT,
ALTER COLUMN quantity_g DROP DEFAULT,
ALTER COLUMN price_ueur_per_kg DROP DEFAULT,
ALTER COLUMN amount_cents DROP DEFAULT;

ALTER TABLE state.agreement
ADD COLUMN ended_reason text,
ADD COLUMN currency text;
-- `superseded` is the last member; of what was amended before this version the record alone has the days.
UPDATE state.agreement SET
    ended_reason = convert_from(body, 'UTF8')::jsonb ->> 'ended_reason',
    currency = convert_from(body, 'UTF8')::jsonb #>> '{standing,terms,payment,currency}',
    body = convert_to(left(convert_from(body, 'UTF8'), -1) || ',"superseded":[]}', 'UTF8');

ALTER TABLE state.contract_year
ADD COLUMN taken_g bigint NOT NULL DEFAULT 0,
ADD COLUMN off_spec_g bigint NOT NULL DEFAULT 0,
ADD COLUMN invoiced_g bigint NOT NULL DEFAULT 0,
ADD COLUMN invoiced_cents bigint NOT NULL DEFAULT 0;
UPDATE state.contract_year y SET
    taken_g = (b.sums ->> 'taken_g')::bigint,
    off_spec_g = (b.sums ->> 'off_spec_g')::bigint,
    invoiced_g = (b.sums ->> 'invoiced_g')::bigint,
    invoiced_cents = (b.sums ->> 'invoiced_cents')::bigint
FROM state.contract_year o
CROSS JOIN LATERAL (SELECT convert_from(o.body, 'UTF8')::jsonb AS sums) b
WHERE y.lane = o.lane AND y.market = o.market AND y.agreement = o.agreement AND y.contract_year = o.contract_year;
ALTER TABLE state.contract_year
ALTER COLUMN taken_g DROP DEFAULT,
ALTER COLUMN off_spec_g DROP DEFAULT,
ALTER COLUMN invoiced_g DROP DEFAULT,
ALTER COLUMN invoiced_cents DROP DEFAULT;

CREATE INDEX match_in_time ON state.match (struck_time);
CREATE INDEX match_of_seller_in_time ON state.match (seller, struck_time);
CREATE INDEX match_of_buyer_in_time ON state.match (buyer, struck_time);
