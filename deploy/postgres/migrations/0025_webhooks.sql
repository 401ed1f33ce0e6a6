-- Webhooks: where an organisation wants its events posted, who posts them, how far each is, and what came of it.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.webhook (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    webhook uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    removed boolean NOT NULL,
    active boolean NOT NULL,
    disabled text,
    generation bigint NOT NULL CHECK (generation >= 1),
    previous_until timestamptz,
    registered_at timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, organisation, webhook)
);
CREATE INDEX webhook_by_id ON state.webhook (webhook);

-- Which process posts to a webhook, and how it goes there: `failures` in a row, none before `not_before`. Operational.
CREATE TABLE ops.webhook_sender (
    webhook uuid PRIMARY KEY,
    organisation uuid NOT NULL,
    version bigint NOT NULL,
    owner text,
    leased_until timestamptz,
    failures bigint NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since timestamptz,
    not_before timestamptz
);

-- Up to where the lines of a lane were posted. `again`: a range that is posted once more, up to `upto`. Operational.
CREATE TABLE ops.webhook_place (
    webhook uuid NOT NULL REFERENCES ops.webhook_sender ON DELETE CASCADE,
    again boolean NOT NULL,
    stream text NOT NULL,
    lane bigint NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    upto bigint CHECK (again = (upto IS NOT NULL)),
    PRIMARY KEY (webhook, again, stream, lane)
);

-- An event on its way to a webhook, or what came of it; `tries` are its newest attempts. A test has no place. Operational.
CREATE TABLE ops.webhook_message (
    message uuid PRIMARY KEY,
    webhook uuid NOT NULL REFERENCES ops.webhook_sender ON DELETE CASCADE,
    organisation uuid NOT NULL,
    event uuid NOT NULL,
    type text NOT NULL,
    stream text,
    lane bigint,
    position bigint,
    audience uuid,
    state text NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts bigint NOT NULL CHECK (attempts >= 0),
    not_before timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    tries jsonb NOT NULL,
    UNIQUE (webhook, event)
);
CREATE INDEX webhook_message_waiting ON ops.webhook_message (webhook, not_before) WHERE state = 'waiting';
CREATE INDEX webhook_message_log ON ops.webhook_message (webhook, message);
CREATE INDEX webhook_message_done ON ops.webhook_message (changed_at) WHERE state <> 'waiting';

ALTER TABLE state.webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.webhook_sender ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.webhook_place ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.webhook_message ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.webhook TO lodestone_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ops.webhook_sender, ops.webhook_place, ops.webhook_message TO lodestone_writer;
GRANT SELECT ON state.webhook, ops.webhook_sender, ops.webhook_place, ops.webhook_message TO lodestone_reader;
GRANT SELECT ON state.webhook, ops.webhook_sender, ops.webhook_place, ops.webhook_message TO lodestone_auditor;
CREATE POLICY writer ON state.webhook FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.webhook FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.webhook FOR SELECT TO lodestone_reader
USING ((SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation()));
CREATE POLICY writer ON ops.webhook_sender FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON ops.webhook_sender FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON ops.webhook_sender FOR SELECT TO lodestone_reader
USING (organisation = (SELECT state.reader_organisation()));
CREATE POLICY writer ON ops.webhook_message FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON ops.webhook_message FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON ops.webhook_message FOR SELECT TO lodestone_reader
USING (organisation = (SELECT state.reader_organisation()));
CREATE POLICY writer ON ops.webhook_place FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON ops.webhook_place FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON ops.webhook_place FOR SELECT TO lodestone_reader
USING (webhook IN (SELECT webhook FROM ops.webhook_sender));
