"""Load the SQL functions and triggers, and what goes with them."""

from django.db import migrations

from common.sql import LoadSQL


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]
    operations = [
        LoadSQL(
            {
                "functions/analytics_add_month.sql": "4daab722b6a02944",
                "functions/analytics_drop_month.sql": "1b5237e230342b52",
                "functions/analytics_keep_event.sql": "84abea0a3e09a4a5",
                "functions/analytics_keep_events.sql": "d9fed6b91b7e7073",
                "functions/analytics_keep_keys.sql": "7f2e752778d0c5be",
                "triggers/analytics_event.sql": "10b397148adbdc77",
                "triggers/analytics_eventkey.sql": "0877ef56dd205787",
            }
        ),
        migrations.RunSQL(
            "SELECT analytics_add_month((date_trunc('month', now() AT TIME ZONE 'UTC') "
            "+ make_interval(months => ahead))::date) FROM generate_series(0, 1) AS ahead",
            migrations.RunSQL.noop,
        ),
    ]
