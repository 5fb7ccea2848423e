"""Let everybody in the groups see what is brought in, and Operations bring it."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GROUPS = ("Finance", "Operations", "Support", "Read only")
SEE = {
    "huntaze": ("view_tableimport", "view_importreject"),
    "onlyfans": ("view_earningspull", "view_earningstransaction"),
}
BRING = "run_tableimport"


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permissions."""
    for label in SEE:
        config = installed_apps.get_app_config(label)
        create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for name in GROUPS:
        group, _ = Group.objects.get_or_create(name=name)
        for label, codenames in SEE.items():
            group.permissions.add(*Permission.objects.filter(content_type__app_label=label, codename__in=codenames))
    bring = Permission.objects.get(content_type__app_label="huntaze", codename=BRING)
    Group.objects.get(name="Operations").permissions.add(bring)


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take them back."""
    Permission = apps.get_model("auth", "Permission")
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        for label, codenames in {**SEE, "huntaze": (*SEE["huntaze"], BRING)}.items():
            group.permissions.remove(*Permission.objects.filter(content_type__app_label=label, codename__in=codenames))


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0011_imports"), ("onlyfans", "0008_pulls")]
    operations = [migrations.RunPython(grant, revoke)]
