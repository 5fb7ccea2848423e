"""Let everybody in the groups see result files, and finance and operations read them again."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SEE, RETRY = "view_resultfile", "retry_resultfile"
GROUPS = {
    "Finance": [SEE, RETRY],
    "Operations": [SEE, RETRY],
    "Support": [SEE],
    "Read only": [SEE],
}


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permissions."""
    config = installed_apps.get_app_config("onlyfans")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        group = Group.objects.get(name=name)
        group.permissions.add(*Permission.objects.filter(content_type__app_label="onlyfans", codename__in=codenames))


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the permissions back."""
    Permission = apps.get_model("auth", "Permission")
    granted = Permission.objects.filter(content_type__app_label="onlyfans", codename__in=[SEE, RETRY])
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(*granted)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0006_incidents_for_finance"), ("onlyfans", "0003_result_files")]
    operations = [migrations.RunPython(grant, revoke)]
