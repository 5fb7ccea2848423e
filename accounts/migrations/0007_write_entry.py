"""Let a function of the database that changes something write its audit entry, too."""

from django.db import migrations

# `entry` holds the columns of an entry by name. Each is taken out by itself: that takes less time than to make a row of
# them all. And since the function returns something, another one can call it without a statement.
WRITE = """
CREATE FUNCTION accounts_write_audit_entry(entry jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    INSERT INTO accounts_auditentry (at, actor_id, actor_name, verb, object_type, object_id, object_name, before,
        after, reason, door, address, request_id)
    VALUES ((entry ->> 'at')::timestamptz, (entry ->> 'actor_id')::bigint, entry ->> 'actor_name', entry ->> 'verb',
        entry ->> 'object_type', entry ->> 'object_id', entry ->> 'object_name', entry -> 'before', entry -> 'after',
        entry ->> 'reason', entry ->> 'door', (entry ->> 'address')::inet, entry ->> 'request_id')
    RETURNING id INTO made;
    RETURN made;
END $$;
"""
UNWRITE = "DROP FUNCTION accounts_write_audit_entry(jsonb);"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_audit_truncate")]
    operations = [migrations.RunSQL(WRITE, UNWRITE)]
