"""Keep the last schedule of a paused job from being deleted."""

from django.db import migrations, models

import jobs.models.schedules


class Migration(migrations.Migration):
    dependencies = [
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("jobs", "0007_place_run"),
    ]

    operations = [
        migrations.AlterField(
            model_name="jobschedule",
            name="task",
            field=models.OneToOneField(
                on_delete=jobs.models.schedules.keep_last_pause,
                related_name="job_schedule",
                to="django_celery_beat.periodictask",
            ),
        ),
    ]
