"""Let everybody in the groups see versions of earnings, and what waits for a creator."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GROUPS = ("Finance", "Operations", "Support", "Read only")
SEE = ("view_earningsrevision", "view_unmatchedaggregate")


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grant the permissions."""
    config = installed_apps.get_app_config("onlyfans")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    seen = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="onlyfans", codename__in=SEE)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.add(*seen)


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take them back."""
    seen = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="onlyfans", codename__in=SEE)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(*seen)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0009_event_groups"), ("onlyfans", "0006_ingest")]
    operations = [migrations.RunPython(grant, revoke)]
