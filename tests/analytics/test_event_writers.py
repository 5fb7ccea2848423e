"""Who may write into the event log, of which organization, and who may read snapshots."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEntry, Organization, User
from accounts.services.tokens import issue_tokens
from analytics.models import Event
from tests.analytics.telling import ADDRESS, event, refuse, tell
from tests.factories.billing import make_organization
from tests.factories.staff import PASSWORD, make_staff

pytestmark = pytest.mark.django_db
_OWN = "You may record events of your own organization only."
_MAY_NOT, _LOST = "You may not record events.", "You belong to no organization."


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def _call(role: str, organization: Organization | None) -> User:
    """Make somebody of that role or group."""
    match role:
        case "owner" | "member":
            return User.objects.create_user(f"{role}@example.test", PASSWORD, role=role, organization=organization)
        case "lost":
            return User.objects.create_user("lost@example.test", PASSWORD)
        case "superuser":
            return make_staff(superuser=True)
        case "permitted":
            user = make_staff()
            user.user_permissions.add(Permission.objects.get(codename="record_event"))
            return user
    return make_staff("" if role == "nothing" else role)


# What comes of an event of one's own organization, of another, and of none that is named: recorded, refused with these
# words, or the whole call forbidden with these.
_WRITERS: dict[str, tuple[str, str, str]] = {
    "owner": ("recorded", _OWN, "own"),
    "member": ("recorded", _OWN, "own"),
    "lost": (_LOST, _LOST, _LOST),
    "nothing": (_MAY_NOT, _MAY_NOT, _MAY_NOT),
    "Finance": (_MAY_NOT, _MAY_NOT, _MAY_NOT),
    "Support": (_MAY_NOT, _MAY_NOT, _MAY_NOT),
    "Read only": (_MAY_NOT, _MAY_NOT, _MAY_NOT),
    "Operations": ("recorded", "recorded", "none"),
    "permitted": ("recorded", "recorded", "none"),
    "superuser": ("recorded", "recorded", "none"),
}


@pytest.mark.parametrize("place", [0, 1, 2], ids=["own", "other", "unnamed"])
@pytest.mark.parametrize("role", _WRITERS)
def test_who_writes_of_which_organization(role: str, place: int, organization: Organization) -> None:
    user, other = _call(role, organization), make_organization()
    named: dict[str, Any] = [{"organization": organization.pk}, {"organization": other.pk}, {}][place]
    expected, entries = _WRITERS[role][place], AuditEntry.objects.count()

    status, answer = tell(user, event(**named))

    if expected in {_MAY_NOT, _LOST}:
        assert (status, answer["error"]["message"]) == (403, expected)
    elif expected == _OWN:
        assert (status, answer["events"][0]["fields"]) == (200, {"organization": [_OWN]})
    else:
        assert (status, answer["recorded"]) == (200, 1)
        of = {"own": organization.pk, "none": None}.get(expected, named.get("organization"))
        assert Event.objects.get().organization_id == of
        assert AuditEntry.objects.count() == entries + 1
        return
    assert not Event.objects.exists()
    assert AuditEntry.objects.count() == entries


_READERS = {
    "owner": (200, 403), "member": (200, 403), "lost": (403, 403), "nothing": (403, 403), "permitted": (403, 403),
    "Finance": (200, 200), "Support": (200, 200), "Read only": (200, 200), "Operations": (200, 200),
    "superuser": (200, 200),
}  # fmt: skip


@pytest.mark.parametrize("role", _READERS)
def test_who_reads_snapshots_of_which_organization(role: str, organization: Organization) -> None:
    headers = {"authorization": f"Bearer {issue_tokens(_call(role, organization)).access}"}
    statuses = tuple(
        Client().get(f"/api/analytics/snapshots?organization={one.pk}", headers=headers).status_code
        for one in (organization, make_organization())
    )
    assert statuses == _READERS[role]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_the_log_is_only_written_into(method: str, organization: Organization) -> None:
    headers = {"authorization": f"Bearer {issue_tokens(_call('owner', organization)).access}"}
    assert getattr(Client(), method)(ADDRESS, headers=headers).status_code == 405


def test_staff_write_for_any_organization_or_none(organization: Organization) -> None:
    staff = make_staff("Operations")
    assert refuse(staff, organization="org_nobody") == {"organization": ["There is no such organization."]}
    told = [event(organization=organization.pk), event(idempotencyKey="2")]
    assert tell(staff, *told)[1]["recorded"] == 2
    assert set(Event.objects.values_list("organization_id", flat=True)) == {organization.pk, None}
    entry = AuditEntry.objects.order_by("-pk")[0]
    assert (entry.actor, entry.after) == (staff, {"events": 2, "of": ["none", organization.pk]})


def test_nobody_else_gets_in(settings: Settings) -> None:
    settings.API_KEYS = ("server-key-of-the-tests",)
    assert tell(None, event())[0] == 401
    answer = Client().post(
        ADDRESS, {"events": [event()]}, "application/json", headers={"x-api-key": settings.API_KEYS[0]}
    )
    assert answer.status_code == 401
    assert not Event.objects.exists()
