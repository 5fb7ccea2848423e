-- A creator that was billed stays with its organization. Whoever moves one waits for those who compute either
-- organization's month, before it looks for what is billed.
CREATE OR REPLACE FUNCTION billing_keep_creator()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM 1 FROM billing_billingaccount
        WHERE organization_id IN (OLD.organization_id, NEW.organization_id) ORDER BY organization_id FOR UPDATE;
    IF EXISTS (SELECT 1 FROM billing_commissionstatement WHERE creator_id = NEW.id) THEN
        RAISE EXCEPTION 'Creator % was billed to % and stays there', NEW.id, OLD.organization_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $function$;
