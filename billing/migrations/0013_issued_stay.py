"""Let nobody empty the invoices at once either, once one of them is issued."""

from django.db import migrations

GUARD = """
CREATE FUNCTION billing_keep_issued() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM billing_invoice WHERE number IS NOT NULL) THEN
        RAISE EXCEPTION 'Invoices are issued: % can not be emptied', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER billing_invoices_stay BEFORE TRUNCATE ON billing_invoice
    FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued();
CREATE TRIGGER billing_lines_stay BEFORE TRUNCATE ON billing_invoiceline
    FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued();
"""
UNGUARD = "DROP FUNCTION billing_keep_issued() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_dismissed_events")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
