"""Bringing the groups of staff to what the code declares."""

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from accounts.roles import Role, list_roles

# What every role sees but for what it hides; not `auth`, whose models say who may do what.
_SEEN = (
    *("accounts", "alerts", "analytics", "billing", "django_celery_beat", "huntaze", "jobs", "onlyfans"),
    "workqueue",
)


@transaction.atomic
def sync_roles() -> None:
    """Give each declared group exactly the permissions of its role. Raises LookupError for one that does not exist."""
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0)
    known = {
        (app, codename): pk
        for pk, app, codename in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    for role in list_roles():
        wanted = _list_permissions(role, list(known))
        if unknown := wanted - known.keys():
            names = ", ".join(sorted(".".join(one) for one in unknown))
            raise LookupError(f"The role {role.name} names permissions that do not exist: {names}")
        group, _ = Group.objects.get_or_create(name=role.name)
        group.permissions.set([known[one] for one in wanted])


def _list_permissions(role: Role, known: list[tuple[str, str]]) -> set[tuple[str, str]]:
    seen = {(app, name) for app, name in known if app in _SEEN and name.startswith("view_")}
    hidden = {(app, name) for app, names in role.hidden.items() for name in names}
    return seen - hidden | {(app, name) for app, names in role.granted.items() for name in names}
