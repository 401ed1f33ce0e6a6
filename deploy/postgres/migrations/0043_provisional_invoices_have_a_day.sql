-- When a shipment was recorded: the instant that its provisional invoice is issued at.
-- A migration is one transaction, with the services stopped. Null where the journal lacks the shipment.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.delivery ADD COLUMN shipped_time timestamptz;
UPDATE state.delivery d SET shipped_time = (s.event ->> 'time')::timestamptz
FROM record.journal j
CROSS JOIN LATERAL (SELECT convert_from(j.body, 'UTF8')::jsonb AS event) s
WHERE
    j.stream = 'contracts' AND j.type = 'contracts.delivery.shipped.v1' AND j.lane = d.lane
    AND (s.event #>> '{data,delivery}')::uuid = d.delivery;
