"""Let Operations record events by the API, for any organization or none; the others only read the log."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GROUP, RECORD = "Operations", "record_event"


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permission."""
    config = installed_apps.get_app_config("analytics")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    apps.get_model("auth", "Group").objects.get(name=GROUP).permissions.add(_permission(apps))


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the permission back."""
    apps.get_model("auth", "Group").objects.get(name=GROUP).permissions.remove(_permission(apps))


def _permission(apps: StateApps) -> int:
    known = apps.get_model("auth", "Permission").objects
    key: int = known.get(content_type__app_label="analytics", codename=RECORD).pk
    return key


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0013_dismissing_groups"), ("analytics", "0006_record_events")]
    operations = [migrations.RunPython(grant, revoke)]
