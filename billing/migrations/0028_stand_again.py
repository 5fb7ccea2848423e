"""Say with a credit note that it stands again, since Stripe voids it no more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0027_owed_before")]

    operations = [
        migrations.AlterField(
            model_name="invoiceaction",
            name="verb",
            field=models.CharField(
                choices=[
                    ("approve", "Approved"),
                    ("reject", "Rejected"),
                    ("void", "Voided"),
                    ("credit", "Credited"),
                    ("resend", "Sent again"),
                    ("settle", "Settled by hand"),
                    ("payment", "Payment recorded"),
                    ("refund", "Refund recorded"),
                    ("reverse", "Payment reversed"),
                    ("stand", "Stands again"),
                ],
                max_length=16,
            ),
        ),
    ]
