from django.db import migrations, models

import common.validators


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0014_balances_and_payments"),
    ]

    operations = [
        migrations.AlterField(
            model_name="plan",
            name="currency",
            field=models.CharField(default="USD", max_length=3, validators=[common.validators.validate_currency]),
        ),
    ]
