-- It did not know contests of returns.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE state.contest DROP CONSTRAINT contest_kind_check;
ALTER TABLE state.contest ADD CONSTRAINT contest_kind_check CHECK (
    kind IN ('declaration', 'mass', 'assay', 'non_arrival', 'return')
);

INSERT INTO state.contest
SELECT
    f.lane, f.market, f.agreement, f.subject, 'return', 0, a.seller, a.buyer,
    (array_agg(CASE WHEN f.begins THEN f.event_time END ORDER BY f.position DESC))[1]
FROM (
    SELECT
        e.lane, e.position, (e.data ->> 'market')::uuid AS market, (e.data ->> 'agreement')::uuid AS agreement,
        (e.data ->> 'delivery')::uuid AS subject, e.begins, e.event_time
    FROM (
        SELECT
            j.lane, j.position, j.type = 'contracts.return.contested.v1' AS begins, b.event -> 'data' AS data,
            (b.event ->> 'time')::timestamptz AS event_time
        FROM record.journal j
        CROSS JOIN LATERAL (SELECT convert_from(j.body, 'UTF8')::jsonb AS event) b
        WHERE
            j.stream = 'contracts'
            AND j.type IN ('contracts.return.contested.v1', 'contracts.return.settled.v1')
    ) e
) f
JOIN state.agreement a ON a.lane = f.lane AND a.market = f.market AND a.agreement = f.agreement
GROUP BY f.lane, f.market, f.agreement, f.subject, a.seller, a.buyer
HAVING bool_or(f.begins);
