"""Too many wrong passwords lock an account out of the API, as out of everything that asks for one."""

import datetime as dt

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEntry, LockOut, User
from common.clock import now
from tests.accounts.api.conftest import PASSWORD, Post

pytestmark = pytest.mark.django_db


def test_after_five_the_right_password_opens_nothing_either(post: Post, client: Client, member: User) -> None:
    tried = [post("token", email=member.email, password="wrong")[0] for _ in range(5)]
    assert tried == [401] * 4 + [429]
    status, answer = post("token", email=member.email.upper(), password=PASSWORD)
    assert (status, answer["error"]["code"]) == (429, "throttled")
    refused = client.post(
        "/api/auth/token", {"email": member.email, "password": PASSWORD}, content_type="application/json"
    )
    assert 1 <= int(refused["Retry-After"]) <= 15 * 60
    assert post("token", email="another@example.test", password="wrong")[0] == 401
    LockOut.objects.update(locked_until=now() - dt.timedelta(seconds=1))
    assert post("token", email=member.email, password=PASSWORD)[0] == 200


def test_nobody_learns_whether_an_account_exists(post: Post, member: User) -> None:
    answers = {
        email: [post("token", email=email, password="wrong") for _ in range(6)]
        for email in (member.email, "nobody@example.test")
    }
    told = [
        [(status, answer["error"]["code"], answer["error"]["message"][:30]) for status, answer in answers[email]]
        for email in answers
    ]
    assert told[0] == told[1]
    assert [status for status, *_ in told[0]] == [401] * 4 + [429] * 2


def test_whoever_knew_the_password_begins_anew(post: Post, member: User) -> None:
    for _ in range(2):
        for _ in range(4):
            post("token", email=member.email, password="wrong")
        assert post("token", email=member.email, password=PASSWORD)[0] == 200


def test_one_address_does_not_try_everybody(post: Post, settings: Settings, db: None) -> None:
    settings.LOCKOUT_FAILURES = 2
    answers = [post("token", email=f"nobody{number}@example.test", password="x")[0] for number in range(21)]
    assert answers == [401] * 19 + [429] * 2


def test_logging_in_and_out_is_written_down_and_never_with_a_token(post: Post, member: User) -> None:
    post("token", email=member.email, password="wrong")
    _, tokens = post("token", email=member.email, password=PASSWORD)
    _, newer = post("refresh", refresh=tokens["refresh"])
    post("logout", refresh=newer["refresh"])
    entries = list(AuditEntry.objects.order_by("id"))
    assert [(entry.verb, entry.door, entry.who) for entry in entries] == [
        ("log-in-failed", "api", member.email),
        ("log-in", "api", member.email),
        ("log-out", "api", member.email),
    ]
    assert "eyJ" not in str([(entry.before, entry.after) for entry in entries])
