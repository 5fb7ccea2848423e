"""The groups of staff are what the table of roles says, whatever they were before."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role, declare_roles, list_roles
from accounts.services.roles import sync_roles
from huntaze.roles import READ_ONLY, ROLES
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db
UNSEEN = {"auth.view_group", "auth.view_permission"}


def held(name: str) -> set[str]:
    rows = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_group_has_what_the_table_says_and_nothing_else(role: Role) -> None:
    granted = {f"{app}.{name}" for app, names in role.granted.items() for name in names}
    hidden = {f"{app}.{name}" for app, names in role.hidden.items() for name in names}
    has = held(role.name)
    assert {name for name in has if ".view_" not in name} == granted
    ours = ("accounts.", "alerts.", "analytics.", "billing.", "huntaze.", "jobs.", "onlyfans.", "workqueue.")
    rows = Permission.objects.filter(codename__startswith="view_").values_list("content_type__app_label", "codename")
    visible = {name for app, codename in rows if (name := f"{app}.{codename}").startswith(ours)}
    assert {name for name in has if ".view_" in name and name.startswith(ours)} == visible - hidden
    assert not has & UNSEEN


def test_migrate_brings_a_changed_group_back() -> None:
    group = Group.objects.get(name="Read only")
    group.permissions.set(Permission.objects.filter(codename="run_billing"))
    before = held("Finance")
    Group.objects.filter(name="Finance").delete()
    somebody = make_staff("Read only")
    call_command("migrate", verbosity=0)
    assert "billing.run_billing" not in held("Read only")
    assert held("Finance") == before
    assert User.objects.get(pk=somebody.pk).groups.get() == group


def test_groups_of_ones_own_are_left_alone() -> None:
    own = Group.objects.create(name="Auditors")
    own.permissions.set(Permission.objects.filter(codename="view_auditentry"))
    sync_roles()
    assert held("Auditors") == {"accounts.view_auditentry"}


def test_a_permission_that_does_not_exist_is_named() -> None:
    declared = list_roles()
    try:
        declare_roles([Role("Wizards", {"billing": ["cast_spell"]}, {})])
        with pytest.raises(LookupError, match=r"The role Wizards names .* billing\.cast_spell"):
            sync_roles()
    finally:
        declare_roles(declared)
    assert not Group.objects.filter(name="Wizards").exists()


def test_the_page_of_a_declared_role_is_read_and_not_changed() -> None:
    client, group = log_in(superuser=True), Group.objects.get(name=READ_ONLY.name)
    page = reverse("admin:auth_group_change", args=[group.pk])
    assert "Create another group for anything else" in client.get(page).content.decode()
    client.post(page, {"name": "Anything", "permissions": [Permission.objects.get(codename="run_billing").pk]})
    group.refresh_from_db()
    assert (group.name, "billing.run_billing" in held(group.name)) == ("Read only", False)
    assert client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    own = Group.objects.create(name="Auditors")
    assert client.post(reverse("admin:auth_group_delete", args=[own.pk]), {"post": "yes"}).status_code == 302
