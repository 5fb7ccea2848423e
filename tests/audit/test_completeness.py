"""Nothing is changed without an audit entry: every address was looked at, and every change tells of itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from accounts.models import AuditEntry, User
from huntaze.settings import keep_in_files
from tests.audit import scene
from tests.audit.doors import API, ENTERING, SHOWING, TICKED, Press, list_presses
from tests.audit.forms import fill_in
from tests.factories.billing import make_plan
from tests.factories.log_ins import Phone, give_phone, show_password
from tests.factories.staff import PASSWORD, make_staff

pytestmark = pytest.mark.django_db
PRESSES = list(list_presses())
# The pages of every registered model, of which the first three change something where somebody may.
_PAGES = ("add", "change", "delete", "changelist", "history")
_SECRET = "a-secret-of-the-audit-tests"


@pytest.fixture(autouse=True)
def _files(settings: Settings, tmp_path: Path) -> None:
    settings.STORAGES = {**settings.STORAGES, "invoices": keep_in_files(tmp_path)}


def _walk(patterns: list[Any], space: str = "") -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, pattern.namespace or space)
        elif isinstance(pattern, URLPattern):
            yield space, pattern.name or ""


def _names(space: str) -> set[str]:
    return {name for found, name in _walk(get_resolver().url_patterns) if found == space}


def _boss() -> tuple[User, Client]:
    user, client = make_staff(superuser=True), Client()
    client.force_login(user)
    return user, client


def _request() -> Any:
    request = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return request


def test_every_address_of_the_admin_is_known_here() -> None:
    request, pages = _request(), set()
    for model, registered in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        may = {
            "add": registered.has_add_permission(request),
            "change": registered.has_change_permission(request),
            "delete": registered.has_delete_permission(request),
        }
        # What nobody may do is answered 403, and what only lists shows.
        pages |= {f"{name}_{page}" for page in _PAGES if not may.get(page, False)}
    unknown = _names("admin") - {press.door for press in PRESSES} - pages - set(ENTERING) - set(SHOWING)
    assert unknown == set()


def test_every_action_of_a_list_is_known_here() -> None:
    request = _request()
    offered = {
        (f"{model._meta.app_label}_{model._meta.model_name}_changelist", action)
        for model, registered in admin.site._registry.items()
        for action in registered.get_actions(request)
    }
    adding_up = ("billing_invoice_changelist", "sum_up")
    known = {(press.door, press.changes(None)["action"]) for press in TICKED if callable(press.changes)}
    assert offered - {adding_up} == known


def test_every_address_of_the_api_is_known_here() -> None:
    outside = {name for name in _names("") if name}
    assert outside - set(API) - {"healthz", "readyz", "metrics"} == set()


def _list_faults(answer: Any) -> list[str]:
    """What the page says is wrong."""
    return re.findall(r"text-red-[67]00[^>]*>\s*(?:<ul>\s*<li>)?\s*([^<]+?)\s*<", answer.content.decode())


@pytest.mark.parametrize("press", PRESSES, ids=lambda press: f"{press.door}{press.reads}:{press.tells[0]}")
def test_what_is_pressed_leaves_its_entries_and_no_others(press: Press) -> None:
    user, client = _boss()
    address, changes = press.prepare()
    before = set(AuditEntry.objects.values_list("pk", flat=True))
    answer = client.get(address) if press.reads else client.post(address, fill_in(client, address, changes))
    assert answer.status_code == (200 if press.reads or press.door == "logout" else 302), _list_faults(answer)
    entries = list(AuditEntry.objects.exclude(pk__in=before).order_by("pk"))
    assert [f"{entry.verb} {entry.object_type}" for entry in entries] == list(press.tells)
    for entry in entries:
        assert (entry.actor, entry.door, entry.address) == (user, "admin", "127.0.0.1")
        assert (len(entry.request_id), entry.request_id) == (32, answer["X-Request-Id"])
        assert "secret" not in str([entry.before, entry.after])
    wants = changes.get("reason")
    assert not wants or {entry.reason for entry in entries} == {wants}


@pytest.mark.parametrize("press", [press for press in PRESSES if not press.reads], ids=lambda press: press.door)
def test_what_is_not_allowed_leaves_none(press: Press) -> None:
    address, changes = press.prepare()
    before = AuditEntry.objects.count()
    client = Client()
    client.force_login(make_staff())
    if press.door not in {"logout", "password_change"}:
        assert client.post(address, changes).status_code in {302, 403, 404}
    assert AuditEntry.objects.count() == before


def _told() -> list[str]:
    return [f"{entry.verb} {entry.who}" for entry in AuditEntry.objects.order_by("pk")]


def test_logging_in_tells_of_itself_once() -> None:
    user = make_staff("Finance")
    client, _ = show_password(user, PASSWORD)
    assert _told() == [f"log-in {user.email}"]
    show_password(user, "wrong")
    assert _told()[1:] == [f"log-in-failed {user.email}"]
    page = client.get("/admin/login/set-up/")
    phone, sealed = Phone(page.context["secret"]), page.context["form"].initial["sealed"]
    client.post("/admin/login/set-up/", {"sealed": sealed, "code": phone.show()})
    assert _told()[2:] == [f"enrol {user.email}"]
    half, _ = show_password(user, PASSWORD)
    assert len(_told()) == 3
    half.post("/admin/login/code/", {"code": phone.show()})
    assert _told()[3:] == [f"log-in {user.email}"]
    half.post("/admin/two-factor/", {"code": phone.show_again(), "action": "codes"})
    assert _told()[4:] == [f"log-in-failed {user.email}"]


def test_a_recovery_code_tells_of_itself_once() -> None:
    user = make_staff("Finance")
    _, codes = give_phone(user)
    half, _ = show_password(user, PASSWORD)
    half.post("/admin/login/recovery/", {"code": codes[0]})
    assert _told()[1:] == [f"log-in {user.email}"]


def _call(address: str, body: Any, **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().post(f"/api/{address}", body, content_type="application/json", headers=given).status_code


def test_calls_of_machines_tell_of_what_they_changed_and_by_whom(settings: Settings) -> None:
    settings.CRON_SECRETS = settings.EVENTBRIDGE_API_KEYS = settings.API_KEYS = (_SECRET,)
    settings.STRIPE_WEBHOOK_SECRET = (_SECRET,)
    headers = {"x_cron_secret": _SECRET, "idempotency_key": "one-delivery"}
    assert [_call("cron/hourly-usage", {}, **headers) for _ in range(2)] == [202, 200]
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.object_type, entry.door, entry.who) == ("start", "jobs.jobrun", "api", "cron secret 1")
    make_plan(code="rising")
    asked = {"plan": "rising", "month": "2026-10", "earnings": []}
    assert _call("billing/commission", asked, x_api_key=_SECRET) == 200
    body, signed = scene.signed_event()
    # Stripe's events are rows that tell of themselves; what follows from them is written down where it is done.
    assert _call("webhooks/stripe", body, **signed) == 200
    assert _call("cron/hourly-usage", {}, x_cron_secret="wrong") == 403
    assert AuditEntry.objects.count() == 1


def test_a_change_that_no_service_wrote_down_is_written_down_all_the_same() -> None:
    """The net below all this: rows changed in a request without an entry leave one that names address and tables."""
    user, client = _boss()
    group = scene.group()
    kept = admin.site._registry[type(group)]
    quiet = type("Quiet", (type(kept),), {"log_change": lambda *_: None})(type(group), admin.site)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(kept.__dict__, "log_change", quiet.log_change)
        client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "After"})
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.actor) == ("call", user)
    assert entry.after == {
        "address": "admin:auth_group_change",
        "object_id": str(group.pk),
        "tables": ["auth_group"],
    }
