"""Let finance and operations dismiss what came by mistake."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GROUPS = ("Finance", "Operations")
DISMISS = ("dismiss_unmatchedaggregate", "dismiss_resultfile")


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permissions."""
    config = installed_apps.get_app_config("onlyfans")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    granted = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="onlyfans", codename__in=DISMISS
    )
    for name in GROUPS:
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*granted)


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take them back."""
    Permission = apps.get_model("auth", "Permission")
    granted = Permission.objects.filter(content_type__app_label="onlyfans", codename__in=DISMISS)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(*granted)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0012_import_groups"), ("onlyfans", "0012_dismissing")]
    operations = [migrations.RunPython(grant, revoke)]
