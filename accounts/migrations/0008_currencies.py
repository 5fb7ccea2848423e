from django.db import migrations, models

import common.validators


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_write_entry"),
    ]

    operations = [
        migrations.AlterField(
            model_name="organization",
            name="currency",
            field=models.CharField(default="USD", max_length=3, validators=[common.validators.validate_currency]),
        ),
    ]
