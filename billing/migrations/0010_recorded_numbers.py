"""Remember up to which number the event log was told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0009_due_since"),
    ]

    operations = [
        migrations.AddField(
            model_name="numberseries",
            name="recorded_number",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
