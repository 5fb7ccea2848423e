"""Let events that failed be dismissed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0011_imports"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="stripeevent",
            options={
                "default_permissions": ("view",),
                "ordering": ["-id"],
                "permissions": [
                    ("process_stripeevent", "Can process Stripe events again"),
                    ("dismiss_stripeevent", "Can dismiss Stripe events that failed"),
                ],
                "verbose_name": "Stripe event",
            },
        ),
        migrations.AlterField(
            model_name="stripeevent",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "Waiting"),
                    ("running", "Looking it up"),
                    ("done", "Processed"),
                    ("ignored", "Kept only"),
                    ("failed", "Failed"),
                    ("dismissed", "Dismissed"),
                ],
                default="pending",
                max_length=16,
            ),
        ),
    ]
