from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onlyfans", "0016_left_at"),
    ]

    operations = [
        migrations.AlterField(
            model_name="earningsaggregate",
            name="gross_cents",
            field=models.BigIntegerField(verbose_name="gross"),
        ),
        migrations.AlterField(
            model_name="earningsaggregate",
            name="net_cents",
            field=models.BigIntegerField(verbose_name="net"),
        ),
    ]
