"""Load the SQL functions and triggers."""

from django.db import migrations

from common.sql import LoadSQL


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        LoadSQL(
            {
                "functions/accounts_keep_audit_entries.sql": "0bbda0ddef5516ba",
                "functions/accounts_keep_audit_entry.sql": "3d786a99f3b1d868",
                "functions/accounts_write_audit_entry.sql": "8dd51dcf38f552c6",
                "triggers/accounts_auditentry.sql": "b12f1cb51f31db49",
            }
        )
    ]
