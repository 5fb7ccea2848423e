-- Notes since when a creator is no longer active: the months before are billed all the same.
CREATE OR REPLACE FUNCTION onlyfans_note_creator_left()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.left_at := CASE WHEN NEW.status = 'active' THEN NULL ELSE clock_timestamp() END;
    RETURN NEW;
END $function$;
