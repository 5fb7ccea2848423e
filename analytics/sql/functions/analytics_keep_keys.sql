-- Keys stay as long as their events. Only analytics_drop_month may delete some: the trigger looks at who called, so that
-- there is no switch to set.
CREATE OR REPLACE FUNCTION analytics_keep_keys()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
DECLARE
    callers text;
BEGIN
    GET DIAGNOSTICS callers = PG_CONTEXT;
    IF TG_OP = 'DELETE' AND callers ~ '\nPL/pgSQL[^"\n]*[ .]analytics_drop_month\(date\) ' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'Keys of events can be neither changed nor deleted, only with their month by policy'
        USING ERRCODE = 'integrity_constraint_violation';
END $function$;
