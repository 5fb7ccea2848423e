"""Sessions end: by themselves after a while, and all at once when it matters."""

import datetime as dt
from importlib import import_module

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry, User
from accounts.services.tokens import InvalidToken, issue_tokens, refresh_tokens
from common.clock import now
from tests.factories.log_ins import show_password
from tests.factories.staff import PASSWORD, make_staff

pytestmark = pytest.mark.django_db
INDEX, LOGIN = reverse("admin:index"), reverse("admin:login")


@pytest.fixture
def user() -> User:
    return make_staff("Finance")


@pytest.fixture
def client(user: User) -> Client:
    """Somebody who has just logged in."""
    found, led_to = show_password(user, PASSWORD)
    assert led_to == INDEX
    return found


def _is_in(client: Client) -> bool:
    return client.get(INDEX).status_code == 200


def _let_pass(client: Client, minutes: float, *, but: str = "") -> None:
    """Move the clock on, as the session sees it: what it remembers lies further back; `but` was there just now."""
    session = client.session
    for name in {"began_at", "seen_at"} - {but}:
        session[name] = (dt.datetime.fromisoformat(session[name]) - dt.timedelta(minutes=minutes)).isoformat()
    session.save()


def test_an_hour_without_doing_anything_ends_it(client: Client) -> None:
    _let_pass(client, 59.9)
    assert _is_in(client)
    _let_pass(client, 59.9)
    assert _is_in(client)
    _let_pass(client, 60.1)
    answer = client.get(INDEX, follow=True)
    assert (answer.redirect_chain, _is_in(client)) == ([(f"{LOGIN}?next={INDEX}", 302)], False)
    assert "You were logged out after 60 minutes without doing anything." in answer.content.decode()


def test_whoever_does_something_now_and_then_stays_in_however_short_the_limit(
    client: Client, settings: Settings
) -> None:
    settings.SESSION_IDLE_MINUTES = 1
    for _ in range(4):
        _let_pass(client, 0.6)
        assert _is_in(client)
    _let_pass(client, 1.1)
    assert "You were logged out after 1 minute without" in client.get(INDEX, follow=True).content.decode()


def test_nothing_is_done_with_a_session_that_is_over(client: Client, user: User) -> None:
    _let_pass(client, 61)
    assert client.post(reverse("admin:password_change"), {"old_password": PASSWORD}).status_code == 302
    assert list(AuditEntry.objects.values_list("verb", flat=True)) == ["log-in"]


def test_a_page_that_refreshes_itself_keeps_nobody_in(client: Client) -> None:
    _let_pass(client, 40)
    assert client.get(INDEX, headers={"hx-request": "true"}).status_code == 200
    _let_pass(client, 21)
    assert not _is_in(client)


def test_after_twelve_hours_it_ends_however_busy_somebody_is(client: Client) -> None:
    _let_pass(client, 12 * 60 - 1, but="seen_at")
    assert _is_in(client)
    _let_pass(client, 2, but="seen_at")
    answer = client.get(INDEX, follow=True)
    assert "a session lasts 12 hours at most" in answer.content.decode()


def test_the_half_of_a_log_in_ends_too(user: User) -> None:
    half = Client()
    session = half.session
    session["password_step"] = {
        "user": user.pk,
        "proof": user.get_session_auth_hash(),
        "wanted": INDEX,
        "at": (now() - dt.timedelta(minutes=9)).isoformat(),
    }
    session.save()
    assert half.get(reverse("admin:login_set_up")).status_code == 200
    session["password_step"] = session["password_step"] | {"at": (now() - dt.timedelta(minutes=11)).isoformat()}
    session.save()
    assert half.get(reverse("admin:login_set_up"))["Location"] == LOGIN


def test_a_new_password_ends_all_other_sessions_and_tokens(client: Client, user: User) -> None:
    other, _ = show_password(user, PASSWORD)
    tokens = issue_tokens(user)
    new = "a completely different battery"
    changed = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post(reverse("admin:password_change"), changed).status_code == 302
    assert (_is_in(client), _is_in(other)) == (True, False)
    with pytest.raises(InvalidToken):
        refresh_tokens(tokens.refresh)


def test_somebody_switched_off_is_out(client: Client, user: User) -> None:
    tokens = issue_tokens(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert not _is_in(client)
    with pytest.raises(InvalidToken):
        refresh_tokens(tokens.refresh)


@pytest.mark.parametrize("fields", [None, ["name", "is_active"]])
def test_who_is_switched_on_again_comes_in_anew(client: Client, user: User, fields: list[str] | None) -> None:
    tokens = issue_tokens(user)
    for is_active in (False, True):
        person = User.objects.get(pk=user.pk)
        person.is_active = is_active
        person.save(update_fields=fields)
    assert not _is_in(client)
    with pytest.raises(InvalidToken):
        refresh_tokens(tokens.refresh)
    assert show_password(user, PASSWORD)[1] == INDEX


def test_logging_out_everywhere_ends_all_sessions_and_tokens_of_one(client: Client, user: User) -> None:
    other, _ = show_password(user, PASSWORD)
    tokens = issue_tokens(user)
    boss = make_staff(superuser=True)
    admin, _ = show_password(boss, PASSWORD)
    page = admin.get(reverse("admin:accounts_user_change", args=[user.pk])).content.decode()
    address = reverse("admin:accounts_user_log_out", args=[user.pk])
    assert address in page
    assert admin.post(address, {"reason": "Laptop stolen"})["Location"] == page_of(user)
    assert [_is_in(found) for found in (client, other, admin)] == [False, False, True]
    with pytest.raises(InvalidToken):
        refresh_tokens(tokens.refresh)
    entry = AuditEntry.objects.get(verb="log-out-everywhere")
    assert (entry.actor, entry.object_id, entry.reason) == (boss, str(user.pk), "Laptop stolen")
    assert show_password(user, PASSWORD)[1] == INDEX


def page_of(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


def test_logging_in_gives_the_session_another_key(user: User) -> None:
    client = Client()
    client.get(LOGIN)
    store = import_module(django_settings.SESSION_ENGINE).SessionStore()
    store["planted"] = "by somebody else"
    store.create()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = store.session_key
    client.post(LOGIN, {"username": user.email, "password": PASSWORD})
    assert client.cookies[django_settings.SESSION_COOKIE_NAME].value != store.session_key


def test_log_out_is_written_down_once(client: Client, user: User) -> None:
    client.post(reverse("admin:logout"))
    client.post(reverse("admin:logout"))
    told = list(AuditEntry.objects.order_by("id").values_list("verb", "actor_id", "door"))
    assert told == [("log-in", user.pk, "admin"), ("log-out", user.pk, "admin")]
    assert not _is_in(client)
