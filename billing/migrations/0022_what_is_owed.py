"""Find quickly what was given back, and what Stripe says that our rows do not explain."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_currencies"),
        ("billing", "0021_who_stopped"),
        ("jobs", "0007_place_run"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="striperecord",
            name="billing_payment_refunded",
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("refunded_cents__gt", 0), ("disputed_cents__gt", 0), _connector="OR"),
                fields=["id"],
                name="billing_invoice_returned",
            ),
        ),
        migrations.AddIndex(
            model_name="striperecord",
            index=models.Index(
                condition=models.Q(
                    ("foreign_before_cents__gt", 0),
                    ("foreign_after_cents__gt", 0),
                    models.Q(("unexplained_cents", 0), _negated=True),
                    _connector="OR",
                ),
                fields=["invoice"],
                name="billing_payment_unexplained",
            ),
        ),
    ]
