"""Lock-out: after repeated failures the door stays shut for a while."""

import datetime as dt
from threading import Thread
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry, LockOut
from accounts.services.lockouts import name_network
from common.clock import now
from common.origin import read_address
from tests.commandline import Answer, start_program
from tests.factories.staff import PASSWORD, log_in, make_staff

pytestmark = pytest.mark.django_db
MISTAKE = "wrong"
LOGIN = reverse("admin:login")
LOCKS = reverse("admin:accounts_lockout_changelist")
WRONG, LATER = "Please enter the correct", "Too many attempts. Try again after"


def _try(email: str, password: str = MISTAKE, **meta: Any) -> str:
    answer = Client().post(LOGIN, {"username": email, "password": password}, **meta)
    if answer.status_code == 302:
        return "in"
    page = answer.content.decode()
    return "later" if LATER in page else "wrong" if WRONG in page else page


def test_after_five_failures_not_even_the_password_opens_until_time_has_gone_by() -> None:
    user = make_staff("Finance")
    assert [_try(user.email) for _ in range(5)] == ["wrong"] * 4 + ["later"]
    assert _try(user.email.upper(), PASSWORD) == "later"
    lock = LockOut.objects.get(account=user.email)
    assert lock.locked_until is not None
    assert dt.timedelta(minutes=14) < lock.locked_until - now() <= dt.timedelta(minutes=15)
    assert [entry.verb for entry in AuditEntry.objects.order_by("id")] == ["log-in-failed"] * 4 + ["lock-out"]
    LockOut.objects.update(
        locked_until=now() - dt.timedelta(seconds=1), last_failed_at=now() - dt.timedelta(minutes=15)
    )
    assert _try(user.email, PASSWORD) == "in"
    assert not LockOut.objects.filter(account=user.email).exists()


def test_it_is_the_same_for_accounts_that_do_not_exist() -> None:
    told = [_try("nobody@example.test") for _ in range(6)]
    assert told == ["wrong"] * 4 + ["later"] * 2


def test_failures_long_past_count_no_more() -> None:
    user = make_staff("Finance")
    for _ in range(4):
        _try(user.email)
    LockOut.objects.update(last_failed_at=now() - dt.timedelta(minutes=16))
    assert [_try(user.email) for _ in range(4)] == ["wrong"] * 4


def test_others_and_other_addresses_go_on() -> None:
    ada, bea = make_staff("Finance"), make_staff("Finance")
    for _ in range(5):
        _try(ada.email, REMOTE_ADDR="203.0.113.9")
    assert _try(ada.email, PASSWORD, REMOTE_ADDR="203.0.113.9") == "later"
    assert _try(ada.email, PASSWORD, REMOTE_ADDR="198.51.100.7") == "in"
    assert _try(bea.email, PASSWORD, REMOTE_ADDR="203.0.113.9") == "in"


def test_one_address_does_not_try_everybody(settings: Settings) -> None:
    settings.LOCKOUT_FAILURES = 2
    told = [_try(f"nobody{number}@example.test", REMOTE_ADDR="203.0.113.9") for number in range(21)]
    assert told == ["wrong"] * 19 + ["later"] * 2
    user = make_staff("Finance")
    assert _try(user.email, PASSWORD, REMOTE_ADDR="203.0.113.9") == "later"
    assert _try(user.email, PASSWORD, REMOTE_ADDR="198.51.100.7") == "in"


def test_a_forged_header_helps_nobody(settings: Settings) -> None:
    user = make_staff("Finance")
    tried = [_try(user.email, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}") for number in range(5)]
    assert tried[-1] == "later"
    LockOut.objects.all().delete()
    settings.CLIENT_ADDRESS_HEADER = "X-Forwarded-For"
    tried = [_try(user.email, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}, 203.0.113.9") for number in range(5)]
    assert tried[-1] == "later"
    assert LockOut.objects.get(account=user.email).network == "203.0.113.9"


@pytest.mark.parametrize(
    ("header", "proxies", "meta", "address"),
    [
        ("", 1, {"HTTP_X_FORWARDED_FOR": "1.1.1.1"}, "192.0.2.1"),
        ("X-Forwarded-For", 1, {"HTTP_X_FORWARDED_FOR": "6.6.6.6, 1.1.1.1"}, "1.1.1.1"),
        ("X-Forwarded-For", 2, {"HTTP_X_FORWARDED_FOR": "6.6.6.6, 1.1.1.1, 10.0.0.2"}, "1.1.1.1"),
        ("X-Forwarded-For", 3, {"HTTP_X_FORWARDED_FOR": "1.1.1.1"}, "192.0.2.1"),
        ("X-Forwarded-For", 1, {"HTTP_X_FORWARDED_FOR": "nonsense"}, "192.0.2.1"),
        ("X-Real-IP", 1, {"HTTP_X_REAL_IP": "2001:db8::1", "HTTP_X_FORWARDED_FOR": "6.6.6.6"}, "2001:db8::1"),
        ("X-Real-IP", 1, {"HTTP_X_REAL_IP": "::ffff:1.1.1.1"}, "1.1.1.1"),
        ("X-Real-IP", 1, {}, "192.0.2.1"),
        ("X-Forwarded-For", 1, {"HTTP_X_FORWARDED_FOR": "6.6.6.6, 1.1.1.1:49152"}, "1.1.1.1"),
        ("X-Forwarded-For", 1, {"HTTP_X_FORWARDED_FOR": "[2001:db8::1]:443"}, "2001:db8::1"),
        ("X-Real-IP", 1, {"HTTP_X_REAL_IP": "[2001:db8::1]"}, "2001:db8::1"),
        ("X-Real-IP", 1, {"HTTP_X_REAL_IP": "[::ffff:1.1.1.1]:80"}, "1.1.1.1"),
        ("X-Real-IP", 1, {"HTTP_X_REAL_IP": "1.1.1.1:port"}, "192.0.2.1"),
        ("X-Real-IP", 1, {"HTTP_X_REAL_IP": "2001:db8::1:443"}, "2001:db8::1:443"),
        ("X-Real-IP", 1, {"HTTP_X_REAL_IP": "[1.1.1.1"}, "192.0.2.1"),
    ],
)
def test_which_address_is_believed(
    settings: Settings, header: str, proxies: int, meta: dict[str, str], address: str
) -> None:
    settings.CLIENT_ADDRESS_HEADER, settings.TRUSTED_PROXIES = header, proxies
    assert read_address({"REMOTE_ADDR": "192.0.2.1", **meta}) == address


def test_callers_behind_a_proxy_that_writes_ports_are_not_all_locked_out(settings: Settings) -> None:
    settings.CLIENT_ADDRESS_HEADER = "X-Forwarded-For"
    user = make_staff("Finance")
    for port in range(5):
        _try(user.email, HTTP_X_FORWARDED_FOR=f"198.51.100.1:{50_000 + port}")
    assert _try(user.email, PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.1:50006") == "later"
    assert _try(user.email, PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.2:50007") == "in"


def test_a_host_s_sixty_four_bits_are_one_network() -> None:
    networks = {name_network(address) for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9")}
    assert networks == {"2001:db8:1:2::/64"}
    assert (name_network("192.0.2.1"), name_network("")) == ("192.0.2.1", "")


def test_what_is_typed_by_mistake_is_not_kept() -> None:
    _try("my-secret-password")
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.who, entry.object_id) == ("log-in-failed", "not an e-mail address", "")
    assert "my-secret-password" not in str(AuditEntry.objects.values().get())


def test_operations_unlock_and_others_do_not() -> None:
    user = make_staff("Finance")
    for _ in range(5):
        _try(user.email)
    lock = LockOut.objects.get(account=user.email)
    chosen = {"action": "unlock", "_selected_action": [lock.pk]}
    for group, status in (("Finance", 403), ("Read only", 403)):
        assert log_in(group).post(LOCKS, chosen).status_code == status
    assert _try(user.email, PASSWORD) == "later"
    operations = log_in("Operations")
    assert user.email in operations.get(LOCKS).content.decode()
    operations.post(LOCKS, chosen)
    assert _try(user.email, PASSWORD) == "in"
    entry = AuditEntry.objects.get(verb="unlock")
    assert (entry.object_type, entry.before["failures"]) == ("accounts.lockout", 5)


def test_what_is_locked_stands_first_and_alone_can_be_unlocked() -> None:
    long_ago = now() - dt.timedelta(hours=2)
    locked = LockOut.objects.create(
        kind="password", account="locked@example.test", failures=5, last_failed_at=long_ago,
        locked_until=now() + dt.timedelta(minutes=9),
    )  # fmt: skip
    over = LockOut.objects.create(kind="password", account="over@example.test", failures=5, locked_until=long_ago)
    counted = LockOut.objects.create(kind="code", account="counted@example.test", failures=2)
    client = log_in("Operations")
    page = client.get(LOCKS)
    assert list(page.context["cl"].result_list) == [locked, counted, over]
    text = page.content.decode().partition('id="result_list"')[2]
    assert (text.count("Locked out</"), text.count("Not locked")) == (1, 2)
    assert f"{locked.locked_until:%Y-%m-%d %H:%M}" in text
    boxes = [lock.pk for lock in (locked, over, counted) if f'name="_selected_action" value="{lock.pk}"' in text]
    assert boxes == [locked.pk]
    for state, kept in (("locked", [locked]), ("counted", [counted, over])):
        assert list(client.get(LOCKS, {"state": state}).context["cl"].result_list) == kept
    every = {"action": "unlock", "_selected_action": [locked.pk, over.pk, counted.pk]}
    told = client.post(LOCKS, every, follow=True).content.decode()
    assert ("1 unlocked." in told, "2 left alone: not locked, or no longer." in told) == (True, True)
    assert set(LockOut.objects.all()) == {over, counted}
    assert [entry.object_id for entry in AuditEntry.objects.filter(verb="unlock")] == [str(locked.pk)]


def test_an_open_session_is_no_place_to_guess_a_password() -> None:
    user, client = make_staff("Finance"), Client()
    client.force_login(user)
    new = "a completely different battery"
    changed = {"new_password1": new, "new_password2": new}
    address = reverse("admin:password_change")
    pages = [client.post(address, {"old_password": MISTAKE, **changed}).content.decode() for _ in range(5)]
    assert all("Your old password was entered incorrectly" in page for page in pages)
    assert LATER in client.post(address, {"old_password": PASSWORD, **changed}).content.decode()
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    LockOut.objects.all().delete()
    assert client.post(address, {"old_password": PASSWORD, **changed}).status_code == 302
    told = list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))
    assert told == ["log-in-failed"] * 4 + ["lock-out", "change-password"]


_GUESS = """
from django.contrib.auth import authenticate
for number in range(6):
    assert authenticate(None, username='guessed@example.test', password=f'guess {number}') is None
"""


def _guess_in_two_processes(**variables: str) -> int:
    """Let two processes guess six times each; return how many guesses were looked at."""
    answers: list[Answer] = []
    processes = [Thread(target=lambda: answers.append(start_program("shell", "-c", _GUESS, **variables))) for _ in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [(answer.status, answer.err) for answer in answers] == [(0, "")] * 2
    return AuditEntry.objects.filter(verb__in=["log-in-failed", "lock-out"]).count()


@pytest.mark.django_db(transaction=True)
def test_two_processes_look_at_five_guesses_together() -> None:
    assert _guess_in_two_processes() == 5


@pytest.mark.django_db(transaction=True)
def test_all_are_looked_at_where_more_are_allowed() -> None:
    assert _guess_in_two_processes(LOCKOUT_FAILURES="100") == 12
