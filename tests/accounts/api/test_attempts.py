"""Too many attempts to log in are refused, by whichever process they are counted."""

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from common.attempts import count_attempt
from tests.accounts.api.conftest import PASSWORD, Post
from tests.jobs.spine import elsewhere

pytestmark = pytest.mark.django_db


def test_after_ten_the_right_password_opens_nothing_either(post: Post, client: Client, member: User) -> None:
    for _ in range(10):
        assert post("token", email=member.email, password="wrong")[0] == 401
    status, answer = post("token", email=member.email.upper(), password=PASSWORD)
    assert (status, answer["error"]["code"]) == (429, "throttled")
    refused = client.post(
        "/api/auth/token", {"email": member.email, "password": PASSWORD}, content_type="application/json"
    )
    assert 1 <= int(refused["Retry-After"]) <= 300
    assert post("token", email="another@example.test", password="wrong")[0] == 401


def test_whoever_knew_the_password_begins_anew(post: Post, member: User) -> None:
    for _ in range(2):
        for _ in range(9):
            post("token", email=member.email, password="wrong")
        assert post("token", email=member.email, password=PASSWORD)[0] == 200


def test_one_address_does_not_try_everybody(post: Post, db: None) -> None:
    answers = [post("token", email=f"nobody{number}@example.test", password="x")[0] for number in range(101)]
    assert answers == [401] * 100 + [429]


def test_attempts_that_come_at_once_are_all_counted() -> None:
    counts: list[int] = []

    def count() -> None:
        counts.extend(count_attempt("race", 60)[0] for _ in range(25))

    with elsewhere(count), elsewhere(count), elsewhere(count):
        count()
    assert sorted(counts) == list(range(1, 101))


def test_where_nobody_counts_nobody_logs_in(post: Post, member: User, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    status, answer = post("token", email=member.email, password=PASSWORD)
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert django_settings.REDIS_URL == settings.REDIS_URL
