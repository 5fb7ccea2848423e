-- Nobody empties the event log; whole months are dropped by analytics_drop_month.
CREATE OR REPLACE FUNCTION analytics_keep_events()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'Events can not be deleted, only months of them by policy'
        USING ERRCODE = 'integrity_constraint_violation';
END $function$;
