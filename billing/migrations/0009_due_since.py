"""Keep since when each organization has been due without a break: what fell due in a break is for people to ask."""

from django.db import migrations, models
from django.db.models.functions import Now

FORWARD = """
CREATE FUNCTION billing_note_unparked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.due_since := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER billing_account_unparked BEFORE UPDATE OF parked_at ON billing_billingaccount
    FOR EACH ROW WHEN (OLD.parked_at IS NOT NULL AND NEW.parked_at IS NULL)
    EXECUTE FUNCTION billing_note_unparked();

CREATE FUNCTION billing_note_active_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE billing_billingaccount SET due_since = clock_timestamp() WHERE organization_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER billing_organization_active AFTER UPDATE OF status ON accounts_organization
    FOR EACH ROW WHEN (OLD.status <> 'active' AND NEW.status = 'active')
    EXECUTE FUNCTION billing_note_active_again();
"""

REVERSE = """
DROP TRIGGER billing_organization_active ON accounts_organization;
DROP TRIGGER billing_account_unparked ON billing_billingaccount;
DROP FUNCTION billing_note_active_again();
DROP FUNCTION billing_note_unparked();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_list_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="billingaccount",
            name="due_since",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.RunSQL(FORWARD, REVERSE),
    ]
