-- Takes in rows of earnings, and returns each one's outcome: a single row by onlyfans_ingest_one, more by onlyfans_ingest.
CREATE OR REPLACE FUNCTION onlyfans_ingest_rows(given jsonb)
    RETURNS text[]
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF jsonb_array_length(given) = 1 THEN
        RETURN ARRAY[onlyfans_ingest_one(given -> 0)];
    END IF;
    RETURN (SELECT array_agg(one.outcome ORDER BY one.place) FROM onlyfans_ingest(given) one);
END $function$;
