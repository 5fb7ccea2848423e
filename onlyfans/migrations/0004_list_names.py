"""Call lists as the sidebar does."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("onlyfans", "0003_result_files"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="creatoraccount",
            options={"ordering": ["display_name", "id"], "verbose_name_plural": "creators"},
        ),
        migrations.AlterModelOptions(
            name="earningsaggregate",
            options={"ordering": ["-month", "creator", "category"], "verbose_name_plural": "earnings"},
        ),
    ]
