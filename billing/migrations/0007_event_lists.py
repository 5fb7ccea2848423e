"""Find what differs from Stripe, and events of one type, by indexes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_event_looks"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="invoicepayment",
            name="billing_payment_void",
        ),
        migrations.AddIndex(
            model_name="invoicepayment",
            index=models.Index(
                condition=models.Q(("state", "void"), ("is_credited", True), _connector="OR"),
                fields=["invoice"],
                name="billing_payment_taken_back",
            ),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(fields=["type", "-id"], name="billing_event_type"),
        ),
    ]
