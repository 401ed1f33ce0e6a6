-- Merkle trees of the lanes and the heads that were signed. Operational: trees follow from the journal, but what was
-- signed does not, and must never be lost before it is published.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Entry i of level l is the root over leaves [i * 256^l, (i + 1) * 256^l); level 0 holds leaf hashes. Hashes are only added.
CREATE TABLE record.tile (
    stream text NOT NULL,
    lane bigint NOT NULL,
    level bigint NOT NULL CHECK (level BETWEEN 0 AND 7),
    place bigint NOT NULL CHECK (place >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (stream, lane, level, place)
);

-- number: the order in which they were signed, over all lanes. Only `published` ever changes.
CREATE TABLE record.checkpoint (
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    stream text NOT NULL,
    lane bigint NOT NULL,
    size bigint NOT NULL CHECK (size >= 1),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    old_size bigint NOT NULL CHECK (old_size >= 0),
    note text NOT NULL,
    signed_at timestamptz NOT NULL,
    published boolean NOT NULL,
    PRIMARY KEY (stream, lane, size),
    CHECK (old_size < size)
);
CREATE INDEX checkpoint_unpublished ON record.checkpoint (number) WHERE NOT published;

CREATE TABLE record.cosignature (
    stream text NOT NULL,
    lane bigint NOT NULL,
    size bigint NOT NULL,
    witness text NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (stream, lane, size, witness),
    FOREIGN KEY (stream, lane, size) REFERENCES record.checkpoint (stream, lane, size)
);

-- after_number: the last checkpoint that the old key has signed.
CREATE TABLE record.key_rotation (
    number bigint PRIMARY KEY CHECK (number >= 1),
    after_number bigint NOT NULL,
    note text NOT NULL,
    published boolean NOT NULL
);

GRANT SELECT, INSERT, UPDATE (hashes) ON record.tile TO lodestone_auditor;
GRANT SELECT, INSERT, UPDATE (published) ON record.checkpoint, record.key_rotation TO lodestone_auditor;
GRANT SELECT, INSERT ON record.cosignature TO lodestone_auditor;
GRANT SELECT ON record.tile, record.checkpoint, record.cosignature, record.key_rotation TO lodestone_reader;
