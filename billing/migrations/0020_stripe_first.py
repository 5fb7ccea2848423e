"""List Stripe before the PDF, as deliveries are made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0019_replaces"),
    ]

    operations = [
        migrations.AlterField(
            model_name="invoicedelivery",
            name="step",
            field=models.CharField(
                choices=[
                    ("stripe", "Stripe"),
                    ("pdf", "PDF"),
                    ("store", "Storage"),
                    ("email", "E-mail"),
                    ("stripe_void", "Void in Stripe"),
                ],
                max_length=16,
            ),
        ),
    ]
