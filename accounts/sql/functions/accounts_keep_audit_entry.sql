-- Nobody changes or deletes an entry of the audit trail.
CREATE OR REPLACE FUNCTION accounts_keep_audit_entry()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'Audit entry % can be neither changed nor deleted', OLD.id
        USING ERRCODE = 'integrity_constraint_violation';
END $function$;
