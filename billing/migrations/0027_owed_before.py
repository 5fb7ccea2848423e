"""Count what Stripe still asks for beyond a credited invoice, and what credit notes made by hand gave back before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_currencies"),
        ("billing", "0026_leased_rows"),
        ("jobs", "0007_place_run"),
    ]

    operations = [
        migrations.AddField(
            model_name="striperecord",
            name="foreign_returned_cents",
            field=models.BigIntegerField(
                default=0, help_text="Of it, what credit notes made in Stripe by hand count as gone back before."
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("remaining_cents__gt", 0), ("status", "credited")),
                fields=["id"],
                name="billing_invoice_owed_before",
            ),
        ),
    ]
