"""Let everybody in the groups see the event log."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SEE = "view_event"
GROUPS = ("Finance", "Operations", "Support", "Read only")


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permission."""
    config = installed_apps.get_app_config("analytics")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    Group = apps.get_model("auth", "Group")
    permission = apps.get_model("auth", "Permission").objects.get(content_type__app_label="analytics", codename=SEE)
    for name in GROUPS:
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(permission)


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the permission back."""
    permission = apps.get_model("auth", "Permission").objects.get(content_type__app_label="analytics", codename=SEE)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(permission)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0008_snapshot_groups")]
    operations = [migrations.RunPython(grant, revoke)]
