-- Takes in the rows of a call and writes its audit entry, which counts the rows by outcome. A call that changed nothing
-- leaves no entry.
CREATE OR REPLACE FUNCTION onlyfans_ingest_call(given jsonb, entry jsonb)
    RETURNS text[]
    LANGUAGE plpgsql
AS $function$
DECLARE
    outcomes text[] := onlyfans_ingest_rows(given);
    counts jsonb;
    made bigint;
BEGIN
    IF array_remove(outcomes, 'unchanged') = '{}' THEN
        RETURN outcomes;
    END IF;
    IF cardinality(outcomes) = 1 THEN
        counts := jsonb_build_object(outcomes[1], 1);
    ELSE
        SELECT jsonb_object_agg(one.outcome, one.count) INTO counts
        FROM (SELECT outcome, count(*) FROM unnest(outcomes) outcome GROUP BY outcome) one;
    END IF;
    made := accounts_write_audit_entry(jsonb_set(entry, '{after,earnings}', entry #> '{after,earnings}' || counts));
    RETURN outcomes;
END $function$;
