"""Let staff dismiss what nobody needs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("onlyfans", "0011_corrections")]
    operations = [
        migrations.AlterModelOptions(
            name="resultfile",
            options={
                "default_permissions": ("view",),
                "ordering": ["-id"],
                "permissions": [
                    ("retry_resultfile", "Can read result files again"),
                    ("dismiss_resultfile", "Can dismiss result files"),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="unmatchedaggregate",
            options={
                "default_permissions": ("view",),
                "ordering": ["id"],
                "permissions": [("dismiss_unmatchedaggregate", "Can dismiss earnings without creator")],
                "verbose_name": "earnings without creator",
                "verbose_name_plural": "earnings without creator",
            },
        ),
        migrations.AddField(
            model_name="resultfile",
            name="dismissed_reason",
            field=models.CharField(blank=True, db_default="", max_length=500, verbose_name="why dismissed"),
        ),
        migrations.AlterField(
            model_name="resultfile",
            name="status",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("working", "Being read"),
                    ("done", "Done"),
                    ("replaced", "Replaced"),
                    ("rejected", "Rejected"),
                    ("failed", "To be tried again"),
                    ("dead", "Dead letter"),
                    ("dismissed", "Dismissed"),
                ],
                default="waiting",
                max_length=16,
            ),
        ),
    ]
