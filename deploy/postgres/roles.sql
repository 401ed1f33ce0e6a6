-- The five roles of a deployment. Roles belong to the cluster, so this is no migration: `lodestone migrate` runs
-- it before the migrations, under an advisory lock, as often as it likes. Passwords are set apart from here.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'lodestone_owner', 'lodestone_writer', 'lodestone_reader', 'lodestone_relay', 'lodestone_auditor'
    ] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN INHERIT', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

-- Owner: migrations and scratch rebuilds, which take long; migrations set their own lock_timeout.
ALTER ROLE lodestone_owner SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE lodestone_owner SET lock_timeout = '10s';
ALTER ROLE lodestone_owner SET statement_timeout = '15min';
ALTER ROLE lodestone_owner SET transaction_timeout = '30min';

-- Writer: lane transactions. A stopped process must not hold a lane.
ALTER ROLE lodestone_writer SET idle_in_transaction_session_timeout = '2s';
ALTER ROLE lodestone_writer SET lock_timeout = '5s';
ALTER ROLE lodestone_writer SET statement_timeout = '10s';
ALTER ROLE lodestone_writer SET transaction_timeout = '20s';

-- Reader: the API's reads, under row-level security.
ALTER ROLE lodestone_reader SET idle_in_transaction_session_timeout = '2s';
ALTER ROLE lodestone_reader SET lock_timeout = '1s';
ALTER ROLE lodestone_reader SET statement_timeout = '5s';
ALTER ROLE lodestone_reader SET transaction_timeout = '10s';
ALTER ROLE lodestone_reader SET default_transaction_read_only = on;

-- Relay: reads the journal, moves its watermark.
ALTER ROLE lodestone_relay SET idle_in_transaction_session_timeout = '2s';
ALTER ROLE lodestone_relay SET lock_timeout = '1s';
ALTER ROLE lodestone_relay SET statement_timeout = '10s';
ALTER ROLE lodestone_relay SET transaction_timeout = '20s';

-- Auditor: long reads, and its own positions and checkpoints.
ALTER ROLE lodestone_auditor SET idle_in_transaction_session_timeout = '2s';
ALTER ROLE lodestone_auditor SET lock_timeout = '1s';
ALTER ROLE lodestone_auditor SET statement_timeout = '60s';
ALTER ROLE lodestone_auditor SET transaction_timeout = '120s';
