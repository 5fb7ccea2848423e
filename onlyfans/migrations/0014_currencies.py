from django.db import migrations, models

import common.validators


class Migration(migrations.Migration):
    dependencies = [
        ("onlyfans", "0013_ingest_calls"),
    ]

    operations = [
        migrations.AlterField(
            model_name="earningsaggregate",
            name="currency",
            field=models.CharField(default="USD", max_length=3, validators=[common.validators.validate_currency]),
        ),
    ]
