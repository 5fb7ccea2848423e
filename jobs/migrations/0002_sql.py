"""Load the SQL functions."""

from django.db import migrations

from common.sql import LoadSQL


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [
        LoadSQL(
            {
                "functions/jobs_place_run.sql": "ec090aaae4854546",
            }
        )
    ]
