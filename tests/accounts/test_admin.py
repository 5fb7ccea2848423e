"""Organizations, users and groups in the admin."""

from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from accounts import panels
from accounts.models import Organization, User
from accounts.panels import Cell, Panel, add_panel
from tests.factories.billing import make_creator, make_organization
from tests.factories.staff import PASSWORD, log_in, make_staff

pytestmark = pytest.mark.django_db
USERS = reverse("admin:accounts_user_changelist")


def _change(organization: Organization) -> str:
    return reverse("admin:accounts_organization_change", args=[organization.pk])


def test_somebody_logs_in_by_e_mail_in_any_case_and_lands_where_they_wanted() -> None:
    user, wanted = make_staff("Finance"), reverse("admin:jobs_jobrun_changelist")
    response = Client().post(
        f"{reverse('admin:login')}?next={wanted}", {"username": user.email.upper(), "password": PASSWORD}
    )
    assert response["Location"] == wanted


def test_a_wrong_password_and_a_member_of_an_organization_stay_outside() -> None:
    member = make_staff()
    User.objects.filter(pk=member.pk).update(is_staff=False)
    for email, password in ((make_staff("Finance").email, "wrong"), (member.email, PASSWORD)):
        client = Client()
        assert client.post(reverse("admin:login"), {"username": email, "password": password}).status_code == 200
        assert client.get(reverse("admin:index")).status_code == 302


def test_an_organization_is_added_with_an_id_of_ones_own_which_then_stays() -> None:
    client = log_in("Operations")
    values = {"id": "org_own", "name": "Étoile", "email": "a@b.test", "status": "active", "currency": "EUR"}
    created = {"created_at_0": "2026-01-01", "created_at_1": "00:00"}
    client.post(reverse("admin:accounts_organization_add"), {**values, **created})
    organization = Organization.objects.get()
    assert (organization.pk, organization.currency) == ("org_own", "EUR")
    client.post(_change(organization), {**values, "id": "org_other", "name": "Star"})
    assert Organization.objects.values_list("pk", "name").get() == ("org_own", "Star")


@pytest.mark.parametrize("change", [{"currency": "euro"}, {"email": "nowhere"}, {"name": ""}, {"status": "gone"}])
def test_nonsense_about_an_organization_is_refused_at_its_field(change: dict[str, str]) -> None:
    organization = make_organization(name="Before")
    values = {"name": "After", "email": "a@b.test", "status": "active", "currency": "USD", **change}
    response = log_in("Finance").post(_change(organization), values)
    assert list(response.context["errors"].data) != []
    organization.refresh_from_db()
    assert organization.name == "Before"


def test_organizations_are_found_and_filtered() -> None:
    found = make_organization(name="Étoile", status="suspended")
    make_organization(name="Other")
    client, address = log_in("Read only"), reverse("admin:accounts_organization_changelist")
    for query in ("?q=étoile", f"?q={found.pk}", "?status__exact=suspended"):
        page = client.get(address + query).content.decode()
        assert ("Étoile" in page, "Other" in page) == (True, False)


def test_read_only_staff_change_no_organization() -> None:
    client, organization = log_in("Read only"), make_organization(name="Before")
    assert client.get(_change(organization)).status_code == 200
    assert client.post(_change(organization), {"name": "After"}).status_code == 403
    assert client.get(reverse("admin:accounts_organization_add")).status_code == 403
    organization.refresh_from_db()
    assert organization.name == "Before"


def test_not_even_a_superuser_deletes_organizations_or_users() -> None:
    client, organization, user = log_in(superuser=True), make_organization(), make_staff()
    assert client.post(f"/admin/accounts/organization/{organization.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"}).status_code == 403
    assert (Organization.objects.count(), User.objects.count()) == (1, 2)


def test_an_organizations_page_shows_its_creators_to_whoever_may_see_them() -> None:
    organization = make_organization()
    creator = make_creator(organization, display_name="Aurora")
    link = reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk])
    assert f'href="{link}"' in log_in("Finance").get(_change(organization)).content.decode()
    narrow = make_staff()
    narrow.user_permissions.add(Permission.objects.get(codename="view_organization"))
    client = Client()
    client.force_login(narrow)
    assert "Aurora" not in client.get(_change(organization)).content.decode()


def test_a_higher_app_adds_a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "_MAKERS", {})

    def make(request: HttpRequest, organization: Any) -> Panel:
        rows: list[list[str | Cell]] = [
            ["plain", Cell("led", url="/there/"), Cell("1", numeric=True), Cell("Good", tone="info")]
        ]
        return Panel(
            f"Of {organization.name}", ("A", "B", Cell("C", numeric=True), "D"), rows, action=("More", "/more/")
        )

    add_panel(Organization, make)
    add_panel(Organization, make)
    page = log_in("Read only").get(_change(make_organization(name="Étoile"))).content.decode()
    assert page.count("<h2") >= 1
    assert page.count(">Of Étoile<") == 1
    assert ('href="/there/"' in page, 'href="/more/"' in page, "plain" in page) == (True, True, True)


def test_only_superusers_add_and_change_users() -> None:
    other = make_staff()
    for group in ("Finance", "Operations", "Support", "Read only"):
        client = log_in(group)
        assert client.get(reverse("admin:accounts_user_add")).status_code == 403
        assert client.post(reverse("admin:accounts_user_change", args=[other.pk]), {"name": "x"}).status_code == 403
        assert client.get(reverse("admin:auth_user_password_change", args=[other.pk])).status_code == 403


def test_whoever_may_only_look_sees_no_hash_of_a_password() -> None:
    other = make_staff("Finance")
    page = log_in("Read only").get(reverse("admin:accounts_user_change", args=[other.pk])).content.decode()
    assert other.email in page
    assert (other.password in page, other.password.split("$")[-1] in page) == (False, False)
    link = reverse("admin:auth_user_password_change", args=[other.pk])
    assert link not in page
    assert link in log_in(superuser=True).get(reverse("admin:accounts_user_change", args=[other.pk])).content.decode()


def test_a_superuser_adds_staff_with_groups() -> None:
    values = {
        "email": "New@Example.test", "name": "Nora", "usable_password": "true", "is_staff": "on",
        "password1": PASSWORD, "password2": PASSWORD, "groups": make_staff("Finance").groups.get().pk,
    }  # fmt: skip
    log_in(superuser=True).post(reverse("admin:accounts_user_add"), values)
    user = User.objects.get(email="new@example.test")
    assert (user.is_staff, user.check_password(PASSWORD), user.has_perm("billing.run_billing")) == (True, True, True)


def test_whoever_may_change_users_hands_out_no_rights_and_touches_no_superuser() -> None:
    clerk, boss = make_staff(name="Clerk"), make_staff(superuser=True, name="Boss")
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(clerk)
    own = reverse("admin:accounts_user_change", args=[clerk.pk])
    client.post(own, {"email": clerk.email, "name": "Clara", "is_superuser": "on", "is_active": "on", "is_staff": "on"})
    clerk.refresh_from_db()
    assert (clerk.name, clerk.is_superuser) == ("Clara", False)
    assert client.post(reverse("admin:accounts_user_change", args=[boss.pk]), {"name": "x"}).status_code == 403
    assert client.get(reverse("admin:auth_user_password_change", args=[boss.pk])).status_code == 403


@pytest.mark.parametrize(
    ("group", "seen", "unseen"),
    [
        ("Read only", {"Invoices", "Runs", "Schedules", "Organizations", "Users"}, {"Start a job", "Groups"}),
        ("Operations", {"Runs", "Start a job", "Creators", "Earnings"}, {"Groups"}),
        ("", set(), {"Invoices", "Runs", "Start a job", "Organizations", "Users", "Groups"}),
    ],
)
def test_the_sidebar_shows_what_somebody_may_see(group: str, seen: set[str], unseen: set[str]) -> None:
    page = log_in(group).get(reverse("admin:password_change")).content.decode()
    shown = {title for title in seen | unseen if f"<span>{title}</span>" in page}
    assert shown == seen


@pytest.mark.parametrize("pk", ["org_23abc", "org_a-b_c", "plain", "org_2Fx_3A"])
def test_an_organization_is_found_by_any_id_as_it_is_and_as_the_admin_quotes_it(pk: str) -> None:
    Organization.objects.create(pk=pk, name="Odd name")
    client = log_in("Read only")
    for address in (pk, quote(pk)):
        assert "Odd name" in client.get(f"/admin/accounts/organization/{address}/change/").content.decode()
