-- Nobody empties the invoices once one is issued.
CREATE OR REPLACE FUNCTION billing_keep_issued()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF EXISTS (SELECT FROM billing_invoice WHERE number IS NOT NULL) THEN
        RAISE EXCEPTION 'Invoices are issued: % can not be emptied', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $function$;
