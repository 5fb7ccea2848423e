"""Take from operations what no page asks for: a crontab or an interval is changed with its schedule alone."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GROUP = "Operations"
NEEDLESS = (
    *("add_periodictask", "add_crontabschedule", "change_crontabschedule"),
    *("add_intervalschedule", "change_intervalschedule"),
)


def revoke(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the permissions away."""
    for group in apps.get_model("auth", "Group").objects.filter(name=GROUP):
        group.permissions.remove(*_list_needless(apps))


def grant(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give them back."""
    for group in apps.get_model("auth", "Group").objects.filter(name=GROUP):
        group.permissions.add(*_list_needless(apps))


def _list_needless(apps: StateApps) -> Any:
    Permission = apps.get_model("auth", "Permission")
    return Permission.objects.filter(content_type__app_label="django_celery_beat", codename__in=NEEDLESS)


class Migration(migrations.Migration):
    dependencies = [("huntaze", "0015_event_dismissing_groups")]
    operations = [migrations.RunPython(revoke, grant)]
