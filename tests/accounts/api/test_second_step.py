"""Logging in to the API with a second step: a stolen password opens no door that it does not open in the admin."""

import pytest
from pytest_django import Settings

from accounts.models import AuditEntry, RecoveryCode, User
from tests.accounts.api.conftest import PASSWORD, Post
from tests.factories.log_ins import give_phone
from tests.factories.staff import PASSWORD as STAFF_PASSWORD
from tests.factories.staff import make_staff

pytestmark = pytest.mark.django_db


def _ask(post: Post, user: User, code: str = "") -> tuple[int, str]:
    body = {"email": user.email, "password": STAFF_PASSWORD, **({"code": code} if code else {})}
    status, answer = post("token", **body)
    return status, answer.get("error", {}).get("code", "in")


def test_who_has_one_sends_a_code_which_is_good_once(post: Post) -> None:
    user = make_staff("Finance")
    phone, codes = give_phone(user)
    assert _ask(post, user) == (401, "second_step_required")
    assert _ask(post, user, "000000") == (401, "unauthenticated")
    code = phone.show()
    assert [_ask(post, user, code), _ask(post, user, code)] == [(200, "in"), (401, "unauthenticated")]
    assert [_ask(post, user, codes[0]), _ask(post, user, codes[0])] == [(200, "in"), (401, "unauthenticated")]
    assert RecoveryCode.objects.filter(used_at__isnull=False).count() == 1
    told = [entry.after for entry in AuditEntry.objects.filter(verb="log-in").order_by("pk")]
    assert told == [{"second step": "authenticator app"}, {"second step": "recovery code"}]


def test_too_many_wrong_codes_are_refused_like_wrong_passwords(post: Post) -> None:
    user = make_staff("Finance")
    phone, codes = give_phone(user)
    assert [_ask(post, user, "000000") for _ in range(5)] == [(401, "unauthenticated")] * 5
    assert [_ask(post, user, phone.show()), _ask(post, user, codes[0])] == [(429, "throttled")] * 2


def test_staff_without_one_get_no_tokens_where_it_is_required(post: Post, member: User, settings: Settings) -> None:
    settings.TWO_FACTOR_REQUIRED = True
    assert _ask(post, make_staff("Finance")) == (403, "forbidden")
    assert post("token", email=member.email, password=PASSWORD)[0] == 200
