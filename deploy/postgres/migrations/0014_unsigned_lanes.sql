-- Lanes whose head the signer refuses to sign, and why, for those who look from outside its process. Operational.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE record.unsigned_lane (
    stream text NOT NULL,
    lane bigint NOT NULL,
    reason text NOT NULL,
    refused_at timestamptz NOT NULL,
    PRIMARY KEY (stream, lane)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON record.unsigned_lane TO lodestone_auditor;
