"""Say which groups read the audit trail, and who unlocks whom."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GRANTED = {
    "Finance": ["view_auditentry"],
    "Operations": ["view_auditentry", "view_lockout", "unlock_lockout"],
    "Read only": ["view_auditentry"],
}
# Who did what from where is not everybody's to read.
APART = ("view_auditentry", "view_authenticator", "view_lockout", "unlock_lockout")


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant exactly these, whatever sight of everything was granted before."""
    create_permissions(
        installed_apps.get_app_config("accounts"), verbosity=0, apps=apps, using=schema_editor.connection.alias
    )
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    apart = Permission.objects.filter(content_type__app_label="accounts", codename__in=APART)
    for group in Group.objects.filter(name__in=["Finance", "Operations", "Support", "Read only"]):
        group.permissions.remove(*apart)
        group.permissions.add(*apart.filter(codename__in=GRANTED.get(group.name, [])))


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0002_stripe_event_groups"), ("accounts", "0003_audit_and_log_ins")]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
