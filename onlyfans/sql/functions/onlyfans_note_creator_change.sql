-- Notes when a creator moves or its start is changed, whoever writes it.
CREATE OR REPLACE FUNCTION onlyfans_note_creator_change()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $function$;
