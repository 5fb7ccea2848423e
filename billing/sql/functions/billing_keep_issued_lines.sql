-- An issued invoice keeps its lines.
CREATE OR REPLACE FUNCTION billing_keep_issued_lines()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
DECLARE
    found text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT invoice.number INTO found FROM new_lines
            JOIN billing_invoice invoice ON invoice.id = new_lines.invoice_id WHERE invoice.number IS NOT NULL LIMIT 1;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT invoice.number INTO found FROM old_lines
            JOIN billing_invoice invoice ON invoice.id = old_lines.invoice_id WHERE invoice.number IS NOT NULL LIMIT 1;
    ELSE
        SELECT invoice.number INTO found FROM (
            SELECT invoice_id FROM old_lines UNION SELECT invoice_id FROM new_lines
        ) AS touched JOIN billing_invoice invoice ON invoice.id = touched.invoice_id
        WHERE invoice.number IS NOT NULL LIMIT 1;
    END IF;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'Invoice % is issued and its lines can not be changed', found
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $function$;
