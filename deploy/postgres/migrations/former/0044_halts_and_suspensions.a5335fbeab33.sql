-- As 0044_halted_markets.sql it knew halts alone.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1h';

ALTER TABLE state.member ADD COLUMN suspended_time timestamptz, ADD COLUMN suspended_reason text;

UPDATE state.member m SET
    suspended_time = (n.event ->> 'time')::timestamptz,
    suspended_reason = n.event -> 'data' ->> 'reason'
FROM (
    SELECT DISTINCT ON (e.lane, e.event -> 'data' ->> 'market', e.event -> 'data' ->> 'organisation')
        e.lane, e.event
    FROM (
        SELECT j.lane, j.position, convert_from(j.body, 'UTF8')::jsonb AS event
        FROM record.journal j
        WHERE
            j.stream = 'market' AND j.type = 'market.member.suspended.v1'
            AND j.lane IN (SELECT lane FROM state.member WHERE suspended)
    ) e
    ORDER BY
        e.lane, e.event -> 'data' ->> 'market', e.event -> 'data' ->> 'organisation', e.position DESC
) n
WHERE m.suspended AND m.lane = n.lane AND m.market = (n.event -> 'data' ->> 'market')::uuid
    AND m.organisation = (n.event -> 'data' ->> 'organisation')::uuid;
