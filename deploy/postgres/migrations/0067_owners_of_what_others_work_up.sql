-- Who has title to what a transformation takes reads it, where another recorded it; facts of before do not tell whose it was.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1min';

ALTER TABLE state.transformation ADD COLUMN owner uuid;
ALTER TABLE state.lineage_edge ADD COLUMN owner uuid;

ALTER POLICY own ON state.transformation USING (
    (SELECT state.reader_sees_all()) OR (SELECT state.reader_organisation()) IN (organisation, owner)
);
ALTER POLICY own ON state.lineage_edge USING (
    (SELECT state.reader_sees_all()) OR (SELECT state.reader_organisation()) IN (organisation, owner)
);
