"""Call lists as the sidebar does."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0007_event_lists"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="usagehour",
            options={"ordering": ["-hour"], "verbose_name_plural": "usage"},
        ),
    ]
