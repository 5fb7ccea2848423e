"""Let finance record and reverse payments; whoever may see invoices sees them."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

VIEW = ("view_payment",)
GRANTED = {"Finance": (*VIEW, "record_payment"), "Operations": VIEW, "Support": VIEW, "Read only": VIEW}


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permission."""
    config = installed_apps.get_app_config("billing")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="billing")
    for name, codenames in GRANTED.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(codename__in=codenames))


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take it back."""
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="billing")
    for name, codenames in GRANTED.items():
        for group in apps.get_model("auth", "Group").objects.filter(name=name):
            group.permissions.remove(*permissions.filter(codename__in=codenames))


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0016_timetables_alone"), ("billing", "0014_balances_and_payments")]
    operations = [migrations.RunPython(grant, revoke)]
