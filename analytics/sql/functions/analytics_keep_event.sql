-- Nobody changes or deletes an event.
CREATE OR REPLACE FUNCTION analytics_keep_event()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'Event % can be neither changed nor deleted', OLD.id
        USING ERRCODE = 'integrity_constraint_violation';
END $function$;
