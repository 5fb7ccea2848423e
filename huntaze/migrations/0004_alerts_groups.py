"""Let Operations look after alerts, and everybody see them."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

VIEWERS = ("Finance", "Operations", "Support", "Read only")
OPERATIONS = (
    "change_incident", "change_notification", "add_channel", "change_channel", "add_rule", "change_rule", "delete_rule",
)  # fmt: skip


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give each group its permissions on alerts."""
    config = installed_apps.get_app_config("alerts")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    Group = apps.get_model("auth", "Group")
    known = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="alerts")
    for name in VIEWERS:
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*known.filter(codename__startswith="view_"))
    found = known.filter(codename__in=OPERATIONS)
    if len(found) != len(OPERATIONS):
        raise ValueError("Unknown permissions of alerts for Operations")
    Group.objects.get(name="Operations").permissions.add(*found)


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take them back."""
    known = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="alerts")
    for group in apps.get_model("auth", "Group").objects.filter(name__in=VIEWERS):
        group.permissions.remove(*known)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0003_audit_groups"), ("alerts", "0001_initial")]
    operations = [migrations.RunPython(grant, revoke)]
