-- Nobody empties the audit trail.
CREATE OR REPLACE FUNCTION accounts_keep_audit_entries()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'The audit trail can not be emptied'
        USING ERRCODE = 'integrity_constraint_violation';
END $function$;
