"""Let who moves a creator wait for those who compute either organization's month, before it looks for what is billed."""

from django.db import migrations

_FUNCTION = """
CREATE OR REPLACE FUNCTION billing_keep_creator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {lock}
    IF EXISTS (SELECT 1 FROM billing_commissionstatement WHERE creator_id = NEW.id) THEN
        RAISE EXCEPTION 'Creator % was billed to % and stays there', NEW.id, OLD.organization_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""
_LOCK = """PERFORM 1 FROM billing_billingaccount
        WHERE organization_id IN (OLD.organization_id, NEW.organization_id) ORDER BY organization_id FOR UPDATE;"""
FORWARD = _FUNCTION.format(lock=_LOCK)
BACKWARD = _FUNCTION.format(lock="")


class Migration(migrations.Migration):
    dependencies = [("billing", "0023_amount_names")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
