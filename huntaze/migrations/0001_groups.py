"""Create the staff's groups with what each may do."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

APPS = ("accounts", "jobs", "onlyfans", "billing", "django_celery_beat")

FINANCE = {
    "accounts": ["change_organization"],
    "billing": [
        "run_billing", "approve_invoice", "correct_invoice", "deliver_invoice", "park_billingaccount",
        "add_plan", "change_plan", "add_commissionbracket", "change_commissionbracket", "delete_commissionbracket",
        "add_meter", "change_meter", "add_meterprice", "change_meterprice", "delete_meterprice",
        "add_billingaccount", "change_billingaccount",
    ],
    "onlyfans": ["add_earningsaggregate", "change_earningsaggregate"],
}  # fmt: skip
OPERATIONS = {
    "accounts": ["add_organization", "change_organization"],
    "jobs": ["start_jobrun"],
    "onlyfans": ["add_creatoraccount", "change_creatoraccount"],
    "django_celery_beat": [
        "add_periodictask", "change_periodictask", "add_crontabschedule", "change_crontabschedule",
        "add_intervalschedule", "change_intervalschedule",
    ],
}  # fmt: skip
SUPPORT = {"onlyfans": ["change_creatoraccount"]}
GROUPS: dict[str, dict[str, list[str]]] = {
    "Finance": FINANCE,
    "Operations": OPERATIONS,
    "Support": SUPPORT,
    "Read only": {},
}


def create_groups(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create each group with its own permissions, and with sight of everything."""
    for label in APPS:
        config = installed_apps.get_app_config(label)
        create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    seen = Permission.objects.filter(content_type__app_label__in=APPS, codename__startswith="view_")
    for name, granted in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*seen)
        for label, codenames in granted.items():
            found = Permission.objects.filter(content_type__app_label=label, codename__in=codenames)
            if len(found) != len(codenames):
                raise ValueError(f"Unknown permissions of {label} for {name}")
            group.permissions.add(*found)


def remove_groups(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Remove the groups again."""
    apps.get_model("auth", "Group").objects.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("accounts", "0001_initial"),
        ("jobs", "0001_initial"),
        ("onlyfans", "0002_changed_at"),
        ("billing", "0002_database_guards"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(create_groups, remove_groups)]
