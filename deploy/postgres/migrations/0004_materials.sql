-- State of the materials stream: which market holds which physical lot. One row per lot that was ever offered.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE state.lot_reservation (
    lane bigint NOT NULL,
    identity text NOT NULL,
    organisation uuid NOT NULL,
    market uuid NOT NULL,
    supply uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('reserved', 'withdrawn', 'expired', 'sold')),
    version bigint NOT NULL CHECK (version >= 1),
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, identity)
);
CREATE INDEX lot_reservation_held ON state.lot_reservation (supply) WHERE status = 'reserved';

ALTER TABLE state.lot_reservation ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON state.lot_reservation TO lodestone_writer;
GRANT SELECT ON state.lot_reservation TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.lot_reservation FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.lot_reservation FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY own ON state.lot_reservation FOR SELECT TO lodestone_reader
USING ((SELECT state.reader_sees_all()) OR organisation = (SELECT state.reader_organisation()));
