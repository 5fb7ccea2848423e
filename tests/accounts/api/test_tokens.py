"""Tokens: who gets them, what they say, and everything that ends them."""

import base64
import datetime as dt
import json
from collections.abc import Iterator
from threading import Barrier
from typing import Any

import pytest
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.api import TokenAuthentication
from accounts.models import Organization, User
from common.api.views import ApiView
from huntaze import urls
from tests.accounts.api.conftest import PASSWORD, Post
from tests.factories.staff import make_staff
from tests.jobs.spine import elsewhere

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.api.test_tokens")]


class Whoami(ApiView):
    """Says who asks."""

    authentication_classes = [TokenAuthentication]

    def get(self, request: Request) -> Response:
        return Response({"id": request.user.pk})


urlpatterns = [path("api/whoami", Whoami.as_view()), *urls.urlpatterns]


def whoami(access: str) -> int:
    """The status with which an access token is answered."""
    return Client().get("/api/whoami", headers={"authorization": f"Bearer {access}"}).status_code


def claims(token: str) -> dict[str, Any]:
    """What a token says, to whoever holds it."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def log_in(post: Post, user: User) -> dict[str, Any]:
    status, answer = post("token", email=user.email, password=PASSWORD)
    assert status == 200
    return answer


def test_whoever_logs_in_gets_a_pair_and_hears_who_they_are(post: Post, member: User) -> None:
    status, answer = post("token", email="MARA@example.test", password=PASSWORD)
    assert (status, answer["success"], answer["tokenType"], answer["expiresIn"]) == (200, True, "Bearer", 300)
    assert answer["user"] == {
        "id": member.pk, "email": "mara@example.test", "name": "Mara", "organization": member.organization_id,
        "role": "owner",
    }  # fmt: skip
    assert whoami(answer["access"]) == 200
    member.refresh_from_db()
    assert member.last_login is not None


def test_a_token_names_person_organization_and_role_and_no_more(post: Post, member: User) -> None:
    answer = log_in(post, member)
    for kind in ("access", "refresh"):
        said = claims(answer[kind])
        assert (said["sub"], said["organization"], said["role"]) == (str(member.pk), member.organization_id, "owner")
        assert set(said) == {
            "sub", "organization", "role", "family", "fingerprint", "jti", "iat", "exp", "iss", "aud", "token_type",
        }  # fmt: skip


def test_staff_have_no_organization(post: Post) -> None:
    assert log_in(post, make_staff("Finance"))["user"]["role"] == "staff"
    assert User(role="staff").role == "staff"


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}])
def test_nobody_else_gets_any(post: Post, member: User, change: dict[str, Any]) -> None:
    assert post("token", email=member.email, password="wrong")[0] == 401
    assert post("token", email="nobody@example.test", password=PASSWORD)[0] == 401
    User.objects.update(**change)
    status, answer = post("token", email=member.email, password=PASSWORD)
    assert (status, answer["error"]) == (
        401, {"code": "unauthenticated", "message": "No active account has this e-mail address and password."},
    )  # fmt: skip
    assert not OutstandingToken.objects.exists()


def test_a_closed_organization_s_people_get_none(post: Post, member: User, organization: Organization) -> None:
    answer = log_in(post, member)
    Organization.objects.update(status="closed")
    assert post("token", email=member.email, password=PASSWORD)[0] == 401
    assert post("refresh", refresh=answer["refresh"])[0] == 401
    assert whoami(answer["access"]) == 401


def test_an_organization_that_opens_again_brings_no_token_back(
    post: Post, member: User, organization: Organization
) -> None:
    answer = log_in(post, member)
    for status in ("closed", "active"):
        organization.status = status
        organization.save(update_fields=["status"])
    assert whoami(answer["access"]) == 401
    assert post("refresh", refresh=answer["refresh"])[0] == 401
    log_in(post, member)


def test_the_refusal_says_which_scheme_is_wanted(client: Client, member: User) -> None:
    for answer in (
        client.get("/api/whoami"),
        client.get("/api/whoami", headers={"authorization": "Bearer x.y.z"}),
        client.post("/api/auth/token", {"email": "a@b.test", "password": "x"}, content_type="application/json"),
    ):
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
        assert answer.json()["error"]["code"] == "unauthenticated"


def test_a_refresh_token_is_good_once(post: Post, member: User) -> None:
    first = log_in(post, member)
    status, second = post("refresh", refresh=first["refresh"])
    assert (status, second["user"], whoami(second["access"])) == (200, first["user"], 200)
    assert second["refresh"] != first["refresh"]
    assert post("refresh", refresh=first["refresh"])[0] == 401
    assert post("refresh", refresh=second["refresh"])[0] == 200


def test_two_windows_that_refresh_at_once_log_nobody_out(post: Post, member: User) -> None:
    first = log_in(post, member)
    second = post("refresh", refresh=first["refresh"])[1]
    assert post("refresh", refresh=first["refresh"])[0] == 401
    assert whoami(second["access"]) == whoami(first["access"]) == 200


def test_a_copy_that_is_used_later_ends_the_family(post: Post, member: User) -> None:
    first, elsewhere = log_in(post, member), log_in(post, member)
    second = post("refresh", refresh=first["refresh"])[1]
    BlacklistedToken.objects.update(blacklisted_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert post("refresh", refresh=first["refresh"])[0] == 401
    assert post("refresh", refresh=second["refresh"])[0] == 401
    assert whoami(second["access"]) == 401
    assert whoami(elsewhere["access"]) == 200


def test_logging_out_ends_what_came_of_the_log_in_and_nothing_else(post: Post, member: User) -> None:
    first, elsewhere = log_in(post, member), log_in(post, member)
    second = post("refresh", refresh=first["refresh"])[1]
    assert [post("logout", refresh=second["refresh"])[0] for _ in range(2)] == [200, 200]
    for pair in (first, second):
        assert whoami(pair["access"]) == 401
        assert post("refresh", refresh=pair["refresh"])[0] == 401
    assert whoami(elsewhere["access"]) == 200


@pytest.mark.parametrize("how", ["deactivated", "new password", "deleted tokens"])
def test_what_ends_all_of_somebody_s_tokens(post: Post, member: User, how: str) -> None:
    answer = log_in(post, member)
    if how == "deactivated":
        User.objects.update(is_active=False)
    elif how == "new password":
        member.set_password("another")
        member.save()
    else:
        OutstandingToken.objects.all().delete()
    assert whoami(answer["access"]) == 401
    assert post("refresh", refresh=answer["refresh"])[0] == 401


def test_an_access_token_refreshes_nothing_and_a_refresh_token_opens_nothing(post: Post, member: User) -> None:
    answer = log_in(post, member)
    assert post("refresh", refresh=answer["access"])[0] == 401
    assert post("logout", refresh=answer["access"])[0] == 401
    assert whoami(answer["refresh"]) == 401
    assert whoami(answer["access"]) == 200


def forge() -> Iterator[str]:
    """Tokens that are signed as ours but name nobody who was given one."""
    for subject in ("0", "-1", "x", "9" * 30, "1"):
        token = AccessToken()
        token["sub"] = subject
        yield str(token)


def test_forged_tokens_open_nothing(post: Post, member: User) -> None:
    answer = log_in(post, member)
    head, body, sign = answer["access"].split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (*forge(), f"{head}.{body}.{sign[::-1]}", f"{none}.{body}.", f"{none}.{body}.{sign}"):
        assert whoami(token) == 401


def test_a_token_of_a_server_whose_clock_is_a_little_ahead_is_taken(post: Post, member: User) -> None:
    answer = log_in(post, member)
    access, refresh = AccessToken(answer["access"]), RefreshToken(answer["refresh"])
    for token in (access, refresh):
        token.set_iat(at_time=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5))
    assert whoami(str(access)) == 200
    assert post("refresh", refresh=str(refresh))[0] == 200
    access.set_iat(at_time=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90))
    assert whoami(str(access)) == 401


def test_expired_tokens_open_nothing_and_leave(post: Post, member: User) -> None:
    answer = log_in(post, member)
    token = AccessToken(answer["access"])
    token.set_exp(lifetime=-dt.timedelta(seconds=31))
    assert whoami(str(token)) == 401
    OutstandingToken.objects.update(expires_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    log_in(post, member)
    assert OutstandingToken.objects.count() == 1


@pytest.mark.parametrize(
    ("address", "body", "fields"),
    [
        ("token", {}, {"email", "password"}),
        ("token", {"email": "a@b.test", "password": 7}, {"password"}),
        ("token", {"email": "x" * 255, "password": "y" * 1_001}, {"email", "password"}),
        ("token", {"username": "a", "email": "b", "password": "c"}, {"username"}),
        ("refresh", {}, {"refresh"}),
        ("logout", {"refresh": ""}, {"refresh"}),
    ],
)
def test_what_does_not_fit_is_named(post: Post, db: None, address: str, body: dict[str, Any], fields: set[str]) -> None:
    status, answer = post(address, **body)
    assert (status, set(answer["error"]["fields"])) == (400, fields)


def test_no_table_page_or_log_holds_a_token_or_a_password(
    post: Post, member: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    answer = log_in(post, member)
    post("refresh", refresh=answer["refresh"])
    post("refresh", refresh=answer["refresh"])
    kept = json.dumps(list(OutstandingToken.objects.values()), default=str) + caplog.text
    for secret in (answer["access"], answer["refresh"], PASSWORD):
        assert secret not in kept
    staff = Client()
    staff.force_login(make_staff(superuser=True))
    assert staff.get("/admin/token_blacklist/outstandingtoken/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_two_that_refresh_with_one_token_at_once_one_gets_a_pair(post: Post, member: User) -> None:
    first, statuses, together = log_in(post, member), [], Barrier(4)

    def refresh() -> None:
        together.wait()
        answer = Client().post("/api/auth/refresh", {"refresh": first["refresh"]}, content_type="application/json")
        statuses.append(answer.status_code)

    with elsewhere(refresh), elsewhere(refresh), elsewhere(refresh):
        refresh()
    assert sorted(statuses) == [200, 401, 401, 401]
    assert OutstandingToken.objects.count() == 2
