-- The record: lanes, journal, idempotency, positions of relay and readers. Operational tables carry no other state.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE SCHEMA record;

-- One row: what a deployment chose for its life.
CREATE TABLE record.deployment (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    deployment_id uuid NOT NULL,
    lanes bigint NOT NULL CHECK (lanes BETWEEN 1 AND 1024),
    initialised_at timestamptz NOT NULL
);

-- Updated by every commit, so nearly empty pages and an eager vacuum keep it small and its updates heap-only.
CREATE TABLE record.lane (
    stream text NOT NULL,
    lane bigint NOT NULL CHECK (lane >= 0),
    next_position bigint NOT NULL CHECK (next_position >= 1),
    head bytea NOT NULL CHECK (octet_length(head) = 32),
    last_time timestamptz,
    stopped_reason text,
    PRIMARY KEY (stream, lane)
) WITH (
    fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_threshold = 1000000
);

CREATE TABLE record.journal (
    stream text NOT NULL,
    lane bigint NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    event_id uuid NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    body bytea NOT NULL CHECK (octet_length(body) BETWEEN 2 AND 524288),
    chain bytea NOT NULL CHECK (octet_length(chain) = 32),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (stream, lane, position),
    UNIQUE (stream, lane, event_id)
);

CREATE FUNCTION record.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER journal_is_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON record.journal
FOR EACH STATEMENT EXECUTE FUNCTION record.refuse_change();

-- Accepted commands only: the events that answered a request.
CREATE TABLE record.request (
    organisation uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL CHECK (octet_length(body_hash) = 32),
    event_ids uuid[] NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (organisation, route, key)
);

-- The relay's watermark: every position up to it is acknowledged by Kafka; kafka_offset is that record's offset.
CREATE TABLE record.relay (
    stream text NOT NULL,
    lane bigint NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    kafka_offset bigint,
    cluster_id text,
    owner text,
    leased_until timestamptz,
    stopped_reason text,
    PRIMARY KEY (stream, lane)
) WITH (
    fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_threshold = 1000000
);

-- One row per reader and lane: last position applied, chain head there, offset of the first record not yet applied.
CREATE TABLE record.consumer (
    name text NOT NULL,
    stream text NOT NULL,
    lane bigint NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    head bytea NOT NULL CHECK (octet_length(head) = 32),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    last_event_id uuid,
    cluster_id text,
    owner text,
    leased_until timestamptz,
    stopped_reason text,
    PRIMARY KEY (name, stream, lane)
) WITH (
    fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_threshold = 1000000
);

GRANT USAGE ON SCHEMA record TO lodestone_writer, lodestone_reader, lodestone_relay, lodestone_auditor;

GRANT SELECT ON record.deployment, record.lane TO lodestone_writer, lodestone_reader, lodestone_relay, lodestone_auditor;
GRANT UPDATE (next_position, head, last_time) ON record.lane TO lodestone_writer;

GRANT SELECT ON record.journal TO lodestone_writer, lodestone_relay, lodestone_auditor;
GRANT INSERT ON record.journal TO lodestone_writer;

GRANT SELECT, INSERT ON record.request TO lodestone_writer;

GRANT SELECT ON record.relay TO lodestone_writer, lodestone_reader, lodestone_relay, lodestone_auditor;
GRANT UPDATE (position, kafka_offset, cluster_id, owner, leased_until, stopped_reason) ON record.relay TO lodestone_relay;

GRANT SELECT ON record.consumer TO lodestone_writer, lodestone_reader, lodestone_relay, lodestone_auditor;
GRANT INSERT ON record.consumer TO lodestone_writer, lodestone_auditor;
GRANT UPDATE (position, head, next_offset, last_event_id, cluster_id, owner, leased_until, stopped_reason)
ON record.consumer TO lodestone_writer, lodestone_auditor;

GRANT USAGE ON SCHEMA ops TO lodestone_writer, lodestone_reader, lodestone_relay, lodestone_auditor;
GRANT SELECT ON ops.migration TO lodestone_writer, lodestone_reader, lodestone_relay, lodestone_auditor;
