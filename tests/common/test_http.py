"""Calling out."""

from decimal import Decimal

import pytest

from common import http
from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable, WorkError
from common.http import get_json, new_client
from tests.outside import Outside

PATH = "/api/acc/statistics/statements/earnings"


def test_numbers_are_exact(outside: Outside) -> None:
    outside.fail("onlyfans", "earnings", status=200, body={"price": 0.1, "count": 7})
    with new_client(outside.gateway_url, {}) as client:
        body = get_json(client, PATH, service="The gateway")
    assert body == {"price": Decimal("0.1"), "count": 7}
    assert isinstance(body["price"], Decimal)


def test_an_answer_that_is_too_long_is_refused(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 10)
    outside.fail("onlyfans", "earnings", status=200, body={"data": "12345"})
    with new_client(outside.gateway_url, {}) as client, pytest.raises(Permanent, match="more than is accepted"):
        get_json(client, PATH, service="The gateway")


def test_redirects_are_not_followed(outside: Outside) -> None:
    outside.fail("onlyfans", "earnings", status=307, headers={"Location": "/onlyfans/api/other/elsewhere"})
    with new_client(outside.gateway_url, {}) as client, pytest.raises(Permanent, match=r"\(307\)"):
        get_json(client, PATH, service="The gateway")
    assert len(outside.list_requests()) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [(Retryable("a"), "retryable"), (Permanent("a"), "permanent"), (Misconfigured("a"), "misconfigured"),
     (OutcomeUnknown("a"), "unknown")],
)  # fmt: skip
def test_each_kind_of_failure_names_its_policy(error: WorkError, kind: str) -> None:
    assert (error.kind, error.message, str(error)) == (kind, "a", "a")
