-- Notes since when an account has been due without a break, as billing_note_active_again does.
CREATE OR REPLACE FUNCTION billing_note_unparked()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.due_since := clock_timestamp();
    RETURN NEW;
END $function$;
