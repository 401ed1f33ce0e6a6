-- Partner streams: who has a topic of its own, what each organisation may see of the record, and how far topics are.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.partner_stream (
    lane bigint NOT NULL,
    organisation uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    is_open boolean NOT NULL,
    PRIMARY KEY (lane, organisation)
);
CREATE INDEX partner_stream_by_organisation ON state.partner_stream (organisation);

-- One row an event and organisation that sees something of it; the audience of what everybody sees is the nil UUID.
-- Written by the publisher in the transaction that moves its position, so a lane's rows stop where the reader stands.
CREATE TABLE view.feed (
    stream text NOT NULL,
    lane bigint NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    audience uuid NOT NULL,
    event uuid NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    market uuid,
    time timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (lane, stream, position, audience)
);
CREATE INDEX feed_of_audience ON view.feed (audience, stream, lane, position);

-- Where the topic of an organisation stands on a lane; `live`: it goes with the publisher. Operational.
CREATE TABLE ops.outlet (
    organisation uuid NOT NULL,
    stream text NOT NULL,
    lane bigint NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    live boolean NOT NULL,
    PRIMARY KEY (organisation, stream, lane)
);
CREATE INDEX outlet_of_lane ON ops.outlet (stream, lane) WHERE live;

-- An audience's lines at or below the position were dropped. Operational.
CREATE TABLE ops.feed_floor (
    stream text NOT NULL,
    lane bigint NOT NULL,
    audience uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    PRIMARY KEY (audience, stream, lane)
);

-- The feed begins at a lane's first event, so the publisher reads each lane again; the tape gets the same bytes again.
DELETE FROM record.consumer WHERE name = 'publisher';
DELETE FROM ops.snapshot WHERE name = 'publisher';

ALTER TABLE state.partner_stream ENABLE ROW LEVEL SECURITY;
ALTER TABLE view.feed ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.partner_stream TO lodestone_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON view.feed, ops.outlet, ops.feed_floor TO lodestone_writer;
GRANT SELECT ON state.partner_stream, view.feed TO lodestone_reader, lodestone_auditor;
GRANT SELECT ON ops.outlet TO lodestone_auditor;
GRANT SELECT ON ops.feed_floor TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.partner_stream FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.partner_stream FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.partner_stream FOR SELECT TO lodestone_reader
USING ((SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation()));
CREATE POLICY writer ON view.feed FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON view.feed FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON view.feed FOR SELECT TO lodestone_reader
USING (
    (SELECT coalesce(current_setting('lodestone.role', true), '')) = 'desk'
    OR audience IN ((SELECT state.reader_organisation()), '00000000-0000-0000-0000-000000000000')
);
