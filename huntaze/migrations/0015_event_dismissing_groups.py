"""Let finance and operations dismiss Stripe events that failed and that nobody needs."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GROUPS = ("Finance", "Operations")
DISMISS = ("dismiss_stripeevent",)


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permission."""
    config = installed_apps.get_app_config("billing")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    granted = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="billing", codename__in=DISMISS
    )
    for name in GROUPS:
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*granted)


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take it back."""
    Permission = apps.get_model("auth", "Permission")
    granted = Permission.objects.filter(content_type__app_label="billing", codename__in=DISMISS)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(*granted)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0014_recording_groups"), ("billing", "0012_dismissed_events")]
    operations = [migrations.RunPython(grant, revoke)]
