"""Call lists as the sidebar does."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_audit_request_index"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="auditentry",
            options={"default_permissions": ("view",), "ordering": ["-id"], "verbose_name_plural": "audit trail"},
        ),
    ]
