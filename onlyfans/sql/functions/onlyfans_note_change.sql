-- Notes when earnings change, whoever writes them.
CREATE OR REPLACE FUNCTION onlyfans_note_change()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.gross_cents, NEW.net_cents, NEW.currency, NEW.month, NEW.creator_id)
            IS NOT DISTINCT FROM (OLD.gross_cents, OLD.net_cents, OLD.currency, OLD.month, OLD.creator_id) THEN
        NEW.changed_at := OLD.changed_at;
    ELSE
        NEW.changed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $function$;
