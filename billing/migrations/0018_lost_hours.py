"""Sum the usage that was left out since its organization was suspended or closed when its hour was summed."""

from django.db import migrations

SUM_LOST = """
INSERT INTO billing_usagehour (organization_id, meter_id, hour, quantity)
SELECT event.organization_id, event.meter_id, date_trunc('hour', event.occurred_at, 'UTC') AS hour, sum(event.quantity)
FROM billing_usageevent event
WHERE date_trunc('hour', event.occurred_at, 'UTC') < date_trunc('hour', clock_timestamp(), 'UTC')
GROUP BY 1, 2, 3
ON CONFLICT (organization_id, meter_id, hour) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0017_first_month")]
    operations = [migrations.RunSQL(SUM_LOST, migrations.RunSQL.noop)]
