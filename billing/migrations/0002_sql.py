"""Load the SQL functions and triggers, and what goes with them."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from common.sql import LoadSQL


def open_books(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give this installation the name by which Stripe knows its documents."""
    apps.get_model("billing", "Books").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [
        LoadSQL(
            {
                "functions/billing_keep_creator.sql": "d6686ad05907092c",
                "functions/billing_keep_issued.sql": "51b6bb338e59e58e",
                "functions/billing_keep_issued_invoice.sql": "e8c124f6d3fd13e2",
                "functions/billing_keep_issued_lines.sql": "0299b91dd7d56604",
                "functions/billing_note_active_again.sql": "fe02bdb003fe49b6",
                "functions/billing_note_unparked.sql": "69a6262467d71482",
                "functions/billing_note_usage_change.sql": "a2daa5558c601c92",
                "triggers/accounts_organization.sql": "20ac718d41f504dd",
                "triggers/billing_billingaccount.sql": "dac47158bc7d92be",
                "triggers/billing_invoice.sql": "399c87fe8d2c7918",
                "triggers/billing_invoiceline.sql": "f49ea5fc4daf89ed",
                "triggers/billing_usagehour.sql": "1d517b3714dcca00",
                "triggers/onlyfans_creatoraccount.sql": "48313356d48b5162",
            }
        ),
        # Numbers the looks at Stripe, so that an older answer never replaces a newer one.
        migrations.RunSQL("CREATE SEQUENCE billing_look", "DROP SEQUENCE billing_look"),
        migrations.RunPython(open_books, migrations.RunPython.noop),
    ]
