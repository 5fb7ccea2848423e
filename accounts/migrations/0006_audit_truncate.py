"""Let nobody empty the audit trail at once either."""

from django.db import migrations

GUARD = """
CREATE FUNCTION accounts_keep_audit_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit trail can not be emptied'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER accounts_audit_entries_stay BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_keep_audit_entries();
"""
UNGUARD = "DROP FUNCTION accounts_keep_audit_entries() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_audit_trail_name"),
    ]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
