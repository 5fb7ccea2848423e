"""Let a function of the database that changes something write its audit entry, too."""

from django.db import migrations

# `entry` holds the columns of an entry by name.
WRITE = """
CREATE FUNCTION accounts_write_audit_entry(entry jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts_auditentry (at, actor_id, actor_name, verb, object_type, object_id, object_name, before,
        after, reason, door, address, request_id)
    SELECT at, actor_id, actor_name, verb, object_type, object_id, object_name, before,
        after, reason, door, address, request_id
    FROM jsonb_populate_record(NULL::accounts_auditentry, entry);
END $$;
"""
UNWRITE = "DROP FUNCTION accounts_write_audit_entry(jsonb);"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_audit_truncate")]
    operations = [migrations.RunSQL(WRITE, UNWRITE)]
