"""Let Finance answer incidents: what a failed month needs, only they may press."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give Finance the permission."""
    config = installed_apps.get_app_config("alerts")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    apps.get_model("auth", "Group").objects.get(name="Finance").permissions.add(_permission(apps))


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take it back."""
    apps.get_model("auth", "Group").objects.get(name="Finance").permissions.remove(_permission(apps))


def _permission(apps: StateApps) -> int:
    known = apps.get_model("auth", "Permission").objects
    key: int = known.get(content_type__app_label="alerts", codename="change_incident").pk
    return key


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0005_monitor_groups")]
    operations = [migrations.RunPython(grant, revoke)]
