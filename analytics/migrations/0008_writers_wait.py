"""Let whoever records events wait while a month gets its table, instead of failing.

An insert that was about to go into the default partition when a month was attached found there that its row belongs
to the month, and failed. So writers are locked out before anybody looks what lies in the default partition; readers
are only where events move.
"""

from django.db import migrations

ADD_MONTH = """
CREATE OR REPLACE FUNCTION analytics_add_month(month date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    title text := 'analytics_event_' || to_char(month, '"y"YYYY"m"MM');
    starts timestamptz := date_trunc('month', month)::timestamp AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', month) + interval '1 month')::timestamp AT TIME ZONE 'UTC';
    moved bigint := 0;
    waiting boolean;
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE analytics_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', title);
    LOCK TABLE analytics_event IN SHARE ROW EXCLUSIVE MODE;
    waiting := EXISTS (SELECT 1 FROM analytics_event_default WHERE occurred_at >= starts AND occurred_at < ends);
    IF waiting THEN
        LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE analytics_event DETACH PARTITION analytics_event_default;
        EXECUTE format(
            'INSERT INTO %I SELECT * FROM analytics_event_default WHERE occurred_at >= $1 AND occurred_at < $2', title
        ) USING starts, ends;
        GET DIAGNOSTICS moved = ROW_COUNT;
        DELETE FROM analytics_event_default WHERE occurred_at >= starts AND occurred_at < ends;
    END IF;
    EXECUTE format('ALTER TABLE analytics_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', title, starts, ends);
    IF waiting THEN
        ALTER TABLE analytics_event ATTACH PARTITION analytics_event_default DEFAULT;
    END IF;
    EXECUTE format('CREATE TRIGGER analytics_events_stay BEFORE TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_events()', title);
    RETURN moved;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0007_snapshots_without_changed_at"),
    ]

    # The former function is not put back: older code gets on with this one.
    operations = [migrations.RunSQL(ADD_MONTH, migrations.RunSQL.noop)]
