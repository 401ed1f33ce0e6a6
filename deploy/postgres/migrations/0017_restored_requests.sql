-- Requests whose answers were taken back from the topics, where keys stand as hashes: what a lost database had accepted.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE record.restored_request (
    organisation uuid NOT NULL,
    route text NOT NULL,
    key_sha256 bytea NOT NULL CHECK (octet_length(key_sha256) = 32),
    body_hash bytea NOT NULL CHECK (octet_length(body_hash) = 32),
    event_ids uuid [] NOT NULL,
    PRIMARY KEY (organisation, route, key_sha256)
);

GRANT SELECT ON record.restored_request TO lodestone_writer;
