-- From when on the clock calls upon the buyer of a delivery that was not weighed, or not accepted: as
-- contracts/rules/calls.py says. Those of before were found by no timer.
-- A migration is one transaction, with the services stopped.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

UPDATE state.delivery SET due_time = (shipped_on + 61)::timestamp AT TIME ZONE 'UTC'
WHERE status = 'shipped';
UPDATE state.delivery d SET
    due_time = greatest(
        (s.body #>> '{weighed,exchange_by}')::timestamptz, (s.body #>> '{umpire,object_by}')::timestamptz
    )
FROM (SELECT o.delivery, convert_from(o.body, 'UTF8')::jsonb AS body FROM state.delivery o) s
WHERE d.status = 'assayed' AND s.delivery = d.delivery;
