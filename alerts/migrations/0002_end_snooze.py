"""Let staff end a snooze, and no rule ask for less than once."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="entry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("note", "Note"),
                    ("acknowledged", "Acknowledged"),
                    ("snoozed", "Snoozed"),
                    ("woken", "Snooze ended"),
                    ("resolved", "Resolved"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="rule",
            name="min_count",
            field=models.PositiveIntegerField(
                default=1,
                help_text="Tell only of what has happened at least so often.",
                validators=[django.core.validators.MinValueValidator(1)],
                verbose_name="after … times",
            ),
        ),
    ]
