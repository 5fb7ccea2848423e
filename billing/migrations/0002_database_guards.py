"""Let the database refuse changes to what was issued and to whom, and note when usage changes."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION billing_note_usage_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.quantity, NEW.hour, NEW.meter_id, NEW.organization_id)
            IS NOT DISTINCT FROM (OLD.quantity, OLD.hour, OLD.meter_id, OLD.organization_id) THEN
        NEW.changed_at := OLD.changed_at;
    ELSE
        NEW.changed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_usage_changed BEFORE INSERT OR UPDATE ON billing_usagehour
    FOR EACH ROW EXECUTE FUNCTION billing_note_usage_change();

CREATE FUNCTION billing_keep_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'Invoice % is issued and can not be deleted', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.organization_id, NEW.month, NEW.kind, NEW.number, NEW.currency, NEW.subtotal_cents, NEW.tax_cents,
        NEW.total_cents, NEW.issue_date, NEW.due_date, NEW.corrects_id, NEW.terms_id, NEW.seller, NEW.buyer)
       IS DISTINCT FROM
       (OLD.organization_id, OLD.month, OLD.kind, OLD.number, OLD.currency, OLD.subtotal_cents, OLD.tax_cents,
        OLD.total_cents, OLD.issue_date, OLD.due_date, OLD.corrects_id, OLD.terms_id, OLD.seller, OLD.buyer)
       OR NEW.status IN ('draft', 'held', 'rejected', 'nothing_due') THEN
        RAISE EXCEPTION 'Invoice % is issued and can not be changed: void it or issue a credit note', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_invoice_issued BEFORE UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION billing_keep_issued_invoice();

CREATE FUNCTION billing_keep_issued_lines() RETURNS trigger LANGUAGE plpgsql AS $$
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
END $$;
CREATE TRIGGER billing_lines_issued_insert AFTER INSERT ON billing_invoiceline
    REFERENCING NEW TABLE AS new_lines FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued_lines();
CREATE TRIGGER billing_lines_issued_update AFTER UPDATE ON billing_invoiceline
    REFERENCING OLD TABLE AS old_lines NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued_lines();
CREATE TRIGGER billing_lines_issued_delete AFTER DELETE ON billing_invoiceline
    REFERENCING OLD TABLE AS old_lines FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued_lines();

CREATE FUNCTION billing_keep_creator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM billing_commissionstatement WHERE creator_id = NEW.id) THEN
        RAISE EXCEPTION 'Creator % was billed to % and stays there', NEW.id, OLD.organization_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_creator_stays BEFORE UPDATE OF organization_id ON onlyfans_creatoraccount
    FOR EACH ROW WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id)
    EXECUTE FUNCTION billing_keep_creator();
"""
BACKWARD = """
DROP TRIGGER billing_creator_stays ON onlyfans_creatoraccount;
DROP FUNCTION billing_keep_creator();
DROP TRIGGER billing_lines_issued_delete ON billing_invoiceline;
DROP TRIGGER billing_lines_issued_update ON billing_invoiceline;
DROP TRIGGER billing_lines_issued_insert ON billing_invoiceline;
DROP FUNCTION billing_keep_issued_lines();
DROP TRIGGER billing_invoice_issued ON billing_invoice;
DROP FUNCTION billing_keep_issued_invoice();
DROP TRIGGER billing_usage_changed ON billing_usagehour;
DROP FUNCTION billing_note_usage_change();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
