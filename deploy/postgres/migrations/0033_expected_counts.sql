-- Ends a statement that commits by itself where it met other rows than it was told of: then it has no effect.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE FUNCTION record.expect(counts bigint [], wanted bigint []) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF counts IS DISTINCT FROM wanted THEN
        RAISE EXCEPTION 'rows: % instead of %', counts, wanted USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;
