"""Sum up what is paid of a month by the index that its revenue is summed up by."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_user_role"),
        ("billing", "0004_schedule_day"),
        ("jobs", "0002_ticks"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="invoice",
            name="billing_invoice_revenue",
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("status__in", ["finalized", "paid", "uncollectible", "credited"])),
                fields=["month", "currency"],
                include=("subtotal_cents", "tax_cents", "status"),
                name="billing_invoice_revenue",
            ),
        ),
    ]
