"""Keep the keys of events as events are kept: they go with their month, and otherwise never."""

from django.db import migrations

# Keys lie in one table for all months, so dropping a month deletes some. Only the function that drops the events in the
# same breath may: the trigger looks at who called, so that there is no switch to be set. Nobody writes into the month
# meanwhile: an event that came after its key was looked for would leave the key behind.
DROP_MONTH = r"""
CREATE FUNCTION analytics_drop_month(month date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    title text := 'analytics_event_' || to_char(month, '"y"YYYY"m"MM');
    dropped bigint;
BEGIN
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', title);
    EXECUTE format('SELECT count(*) FROM %I', title) INTO dropped;
    EXECUTE format(
        'DELETE FROM analytics_eventkey known USING %I event '
        'WHERE known.digest = encode(substr(sha256(convert_to(event.idempotency_key, ''UTF8'')), 1, 16), ''hex'')::uuid',
        title
    );
    EXECUTE format('DROP TABLE %I', title);
    RETURN dropped;
END $$;
"""
GUARD = r"""
CREATE FUNCTION analytics_keep_keys() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    callers text;
BEGIN
    GET DIAGNOSTICS callers = PG_CONTEXT;
    IF TG_OP = 'DELETE' AND callers ~ '\nPL/pgSQL[^"\n]*[ .]analytics_drop_month\(date\) ' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'Keys of events can be neither changed nor deleted, only with their month by policy'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER analytics_eventkeys_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON analytics_eventkey
    FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_keys();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0004_revenue_to_date"),
    ]

    operations = [
        migrations.RunSQL(DROP_MONTH, "DROP FUNCTION analytics_drop_month(date);"),
        migrations.RunSQL(GUARD, "DROP FUNCTION analytics_keep_keys() CASCADE;"),
    ]
