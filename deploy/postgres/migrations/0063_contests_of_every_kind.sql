-- What waits to be settled between the sides, one row for each: of deliveries as well, and each by its own age.
-- contracts/rules/open_contests.py says which fact begins and which ends it; where the journal still holds them.
-- squawk-ignore-file ban-drop-column, require-concurrent-index-creation, require-concurrent-index-deletion
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

CREATE TABLE state.contest (
    lane bigint NOT NULL,
    market uuid NOT NULL,
    agreement uuid NOT NULL,
    subject uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('declaration', 'mass', 'assay', 'non_arrival', 'return')),
    number bigint NOT NULL,
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    contested_time timestamptz,
    PRIMARY KEY (lane, market, agreement, subject, kind, number)
);

INSERT INTO state.contest
SELECT
    f.lane, f.market, f.agreement, f.subject, f.kind, f.number, a.seller, a.buyer,
    (array_agg(CASE WHEN f.begins THEN f.event_time END ORDER BY f.position DESC))[1]
FROM (
    SELECT
        e.lane, e.position, (e.data ->> 'market')::uuid AS market, (e.data ->> 'agreement')::uuid AS agreement,
        (e.data ->> CASE WHEN s.kind = 'declaration' THEN 'agreement' ELSE 'delivery' END)::uuid AS subject,
        s.kind, coalesce((e.data ->> 'suspension')::bigint, 0) AS number, s.begins, e.event_time
    FROM (
        SELECT
            j.lane, j.position, j.type, b.event -> 'data' AS data, (b.event ->> 'time')::timestamptz AS event_time
        FROM record.journal j
        CROSS JOIN LATERAL (SELECT convert_from(j.body, 'UTF8')::jsonb AS event) b
        WHERE
            j.stream = 'contracts'
            AND j.type IN (
                'contracts.declaration.contested.v1', 'contracts.contest.settled.v1',
                'contracts.weighing.objected.v1', 'contracts.weighing.settled.v1', 'contracts.delivery.weighed.v1',
                'contracts.assays.exchanged.v1', 'contracts.umpire.objected.v1', 'contracts.umpire.decided.v1',
                'contracts.non-arrival.contested.v1', 'contracts.non-arrival.settled.v1',
                'contracts.return.contested.v1', 'contracts.return.settled.v1'
            )
    ) e
    JOIN (
        VALUES
            ('contracts.declaration.contested.v1', 'declaration', true),
            ('contracts.contest.settled.v1', 'declaration', false),
            ('contracts.weighing.objected.v1', 'mass', true),
            ('contracts.weighing.settled.v1', 'mass', false),
            ('contracts.delivery.weighed.v1', 'mass', false),
            ('contracts.delivery.weighed.v1', 'non_arrival', false),
            ('contracts.assays.exchanged.v1', 'assay', true),
            ('contracts.umpire.objected.v1', 'assay', true),
            ('contracts.umpire.decided.v1', 'assay', false),
            ('contracts.non-arrival.contested.v1', 'non_arrival', true),
            ('contracts.non-arrival.settled.v1', 'non_arrival', false),
            ('contracts.return.contested.v1', 'return', true),
            ('contracts.return.settled.v1', 'return', false)
    ) AS s (type, kind, begins) ON s.type = e.type
    WHERE e.type <> 'contracts.assays.exchanged.v1' OR jsonb_array_length(e.data -> 'to_umpire') > 0
) f
JOIN state.agreement a ON a.lane = f.lane AND a.market = f.market AND a.agreement = f.agreement
GROUP BY f.lane, f.market, f.agreement, f.subject, f.kind, f.number, a.seller, a.buyer
HAVING bool_or(f.begins);

CREATE INDEX contest_waiting ON state.contest (contested_time, subject, kind, number)
WHERE contested_time IS NOT NULL;

ALTER TABLE state.contest ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.contest TO lodestone_writer;
GRANT SELECT ON state.contest TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.contest FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.contest FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY parties ON state.contest FOR SELECT TO lodestone_reader USING (
    (SELECT state.reader_sees_contracts()) OR (SELECT state.reader_organisation()) IN (seller, buyer)
);

DROP INDEX IF EXISTS state.agreement_contested;
ALTER TABLE state.agreement DROP COLUMN contested_time;
