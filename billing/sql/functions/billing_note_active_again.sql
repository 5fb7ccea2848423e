-- Notes since when an organization has been due without a break: months of a break are billed only when asked for.
CREATE OR REPLACE FUNCTION billing_note_active_again()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE billing_billingaccount SET due_since = clock_timestamp() WHERE organization_id = NEW.id;
    RETURN NULL;
END $function$;
