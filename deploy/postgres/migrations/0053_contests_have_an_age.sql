-- Since when a contest of an agreement has waited without a break, where the journal still holds it.
-- squawk-ignore-file require-concurrent-index-creation
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.agreement ADD COLUMN contested_time timestamptz;
-- How many wait after each step; a wait begins where none waited before.
UPDATE state.agreement a SET contested_time = w.begun
FROM (
    SELECT
        c.lane, c.agreement, max(c.event_time) FILTER (WHERE c.waiting = 1 AND c.step = 1) AS begun,
        (array_agg(c.waiting ORDER BY c.position DESC))[1] AS waiting
    FROM (
        SELECT
            e.lane, e.position, e.agreement, e.event_time, e.step,
            sum(e.step) OVER (PARTITION BY e.lane, e.agreement ORDER BY e.position) AS waiting
        FROM (
            SELECT
                j.lane, j.position, (b.event #>> '{data,agreement}')::uuid AS agreement,
                (b.event ->> 'time')::timestamptz AS event_time,
                CASE WHEN j.type = 'contracts.declaration.contested.v1' THEN 1 ELSE -1 END AS step
            FROM record.journal j
            CROSS JOIN LATERAL (SELECT convert_from(j.body, 'UTF8')::jsonb AS event) b
            WHERE
                j.stream = 'contracts'
                AND j.type IN ('contracts.declaration.contested.v1', 'contracts.contest.settled.v1')
        ) e
    ) c
    GROUP BY c.lane, c.agreement
) w
WHERE w.waiting > 0 AND a.lane = w.lane AND a.agreement = w.agreement;
CREATE INDEX agreement_contested ON state.agreement (contested_time) WHERE contested_time IS NOT NULL;
