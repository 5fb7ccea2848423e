-- An issued invoice keeps its parties, amounts, number and what it replaces.
CREATE OR REPLACE FUNCTION billing_keep_issued_invoice()
    RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'Invoice % is issued and can not be deleted', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.organization_id, NEW.month, NEW.kind, NEW.number, NEW.currency, NEW.subtotal_cents, NEW.tax_cents,
        NEW.total_cents, NEW.issue_date, NEW.due_date, NEW.corrects_id, NEW.replaces_id, NEW.terms_id, NEW.seller, NEW.buyer)
       IS DISTINCT FROM
       (OLD.organization_id, OLD.month, OLD.kind, OLD.number, OLD.currency, OLD.subtotal_cents, OLD.tax_cents,
        OLD.total_cents, OLD.issue_date, OLD.due_date, OLD.corrects_id, OLD.replaces_id, OLD.terms_id, OLD.seller, OLD.buyer)
       OR NEW.status IN ('draft', 'held', 'rejected', 'nothing_due') THEN
        RAISE EXCEPTION 'Invoice % is issued and can not be changed: void it or issue a credit note', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $function$;
