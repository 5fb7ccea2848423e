"""Let staff say with which month billing begins, and keep due who was there before anybody noted since when."""

from django.db import migrations, models

# They all have the instant at which the column was added, as if their accounts had been made then.
KEEP_DUE = """
UPDATE billing_billingaccount account
SET due_since = greatest(org.created_at, date_trunc('month', account.due_since, 'UTC') - interval '1 month')
FROM accounts_organization org
WHERE org.id = account.organization_id AND org.created_at < account.due_since AND account.due_since <= (
    SELECT min(applied) FROM django_migrations WHERE app = 'billing' AND name = '0009_due_since'
)
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0016_known_by_identity")]

    operations = [
        migrations.AddField(
            model_name="billingaccount",
            name="first_month",
            field=models.DateField(
                blank=True,
                help_text="The first month to bill, like 2026-11: no run bills an earlier one. Leave it empty unless "
                "billing should begin later than the organization's first figures.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="billingaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("first_month__day", 1)), name="billing_account_first_month"
            ),
        ),
        migrations.RunSQL(KEEP_DUE, migrations.RunSQL.noop),
    ]
