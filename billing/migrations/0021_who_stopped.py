"""Name in words who stopped deliveries: it is always one of our checks."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0020_stripe_first")]
    operations = [
        migrations.RemoveField(model_name="books", name="stopped_by"),
        migrations.AddField(
            model_name="books", name="stopped_by", field=models.CharField(blank=True, default="", max_length=200)
        ),
        migrations.AlterField(
            model_name="books", name="stopped_by", field=models.CharField(blank=True, max_length=200)
        ),
    ]
