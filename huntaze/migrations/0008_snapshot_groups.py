"""Let everybody in the groups see snapshots and dashboards, and finance and operations export what they show."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SEEN = ["view_providersnapshot", "view_revenuerollup", "view_metricday"]
EXPORT = "export_dashboard"
GROUPS = {
    "Finance": [*SEEN, EXPORT],
    "Operations": [*SEEN, EXPORT],
    "Support": SEEN,
    "Read only": SEEN,
}


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permissions."""
    config = installed_apps.get_app_config("analytics")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        group = Group.objects.get(name=name)
        group.permissions.add(*Permission.objects.filter(content_type__app_label="analytics", codename__in=codenames))


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the permissions back."""
    Permission = apps.get_model("auth", "Permission")
    granted = Permission.objects.filter(content_type__app_label="analytics", codename__in=[*SEEN, EXPORT])
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(*granted)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0007_result_file_groups"), ("analytics", "0002_snapshots_and_rollups")]
    operations = [migrations.RunPython(grant, revoke)]
