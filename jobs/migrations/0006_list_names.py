"""Call lists as the sidebar does."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0005_answered_slots"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="jobitem",
            options={"default_permissions": ("view",), "ordering": ["id"], "verbose_name_plural": "items"},
        ),
        migrations.AlterModelOptions(
            name="jobmonitor",
            options={"default_permissions": ("view", "change"), "ordering": ["job"], "verbose_name_plural": "monitors"},
        ),
        migrations.AlterModelOptions(
            name="jobrun",
            options={
                "default_permissions": ("view",),
                "ordering": ["-id"],
                "permissions": [("start_jobrun", "Can start, rerun and cancel jobs")],
                "verbose_name_plural": "runs",
            },
        ),
    ]
