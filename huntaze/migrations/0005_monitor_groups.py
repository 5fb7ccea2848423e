"""Let everybody in the groups see the monitors of jobs, and operations change and pause them."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SEE, CHANGE = "view_jobmonitor", "change_jobmonitor"
GROUPS = {"Finance": [SEE], "Operations": [SEE, CHANGE], "Support": [SEE], "Read only": [SEE]}


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permissions."""
    jobs = installed_apps.get_app_config("jobs")
    create_permissions(jobs, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*Permission.objects.filter(content_type__app_label="jobs", codename__in=codenames))


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the permissions back."""
    Permission = apps.get_model("auth", "Permission")
    granted = Permission.objects.filter(content_type__app_label="jobs", codename__in=[SEE, CHANGE])
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(*granted)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0004_alerts_groups"), ("jobs", "0003_monitors")]
    operations = [migrations.RunPython(grant, revoke)]
