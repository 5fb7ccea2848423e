-- Notes when usage changes, whoever writes it.
CREATE OR REPLACE FUNCTION billing_note_usage_change()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.quantity, NEW.hour, NEW.meter_id, NEW.organization_id)
            IS NOT DISTINCT FROM (OLD.quantity, OLD.hour, OLD.meter_id, OLD.organization_id) THEN
        NEW.changed_at := OLD.changed_at;
    ELSE
        NEW.changed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $function$;
