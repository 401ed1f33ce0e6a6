-- What of a facility is committed, over all markets: its orders until their last delivery, and their matches.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

-- Of supplies alone; the end of the last window, of a term order that of its contract years.
ALTER TABLE state.order_terms ADD COLUMN facility uuid, ADD COLUMN delivered_time timestamptz;

WITH said AS (
    SELECT s.lane, s.market, s.supply, convert_from(t.body, 'UTF8')::jsonb AS terms
    FROM state.supply AS s
    JOIN state.order_terms AS t ON t.lane = s.lane AND t.market = s.market AND t.order_id = s.supply
)
UPDATE state.order_terms AS t SET
    facility = (d.terms ->> 'facility')::uuid,
    delivered_time = coalesce(
        make_timestamptz(
            (d.terms #>> '{term,start_year}')::int + jsonb_array_length(d.terms #> '{term,profile_ppb}'),
            1, 1, 0, 0, 0, 'UTC'
        ),
        (
            SELECT max((e.tranche #>> '{window,end}')::timestamptz)
            FROM jsonb_array_elements(d.terms -> 'tranches') AS e (tranche)
        )
    )
FROM said AS d
WHERE t.lane = d.lane AND t.market = d.market AND t.order_id = d.supply;

CREATE INDEX order_terms_of_facility ON state.order_terms (facility, delivered_time) WHERE facility IS NOT NULL;
CREATE INDEX match_of_supply ON state.match (supply) WHERE status IN ('open', 'confirmed');
CREATE INDEX facility_by_id ON state.facility (facility);
