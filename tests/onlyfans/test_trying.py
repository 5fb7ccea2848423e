"""What is stored for a creator can be tested at once, and says in words what came back."""

import pytest
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry
from common.clock import previous_month
from onlyfans.models import CreatorAccount, EarningsAggregate
from tests.factories.billing import make_creator, make_organization
from tests.factories.staff import log_in
from tests.outside import Outside

pytestmark = pytest.mark.django_db


def _make(token: str) -> CreatorAccount:
    return make_creator(make_organization(), credentials={"token": token} if token else None)


def _press(creator: CreatorAccount, group: str = "Operations") -> list[str]:
    answer = log_in(group).post(reverse("admin:onlyfans_creatoraccount_test", args=[creator.pk]), follow=True)
    return [str(message) for message in answer.context["messages"]]


def test_it_says_what_the_gateway_answers_and_changes_no_figures(outside: Outside, settings: Settings) -> None:
    settings.ONLYFANS_API_URL = outside.gateway_url
    creator, month = _make("token-1"), previous_month()
    outside.seed(creator.onlyfans_user_id, month, tips=[1_000, 800])
    assert _press(creator) == [
        f"The gateway takes the credentials of {creator}. It says USD 8.00 net for {month.label}; nothing was stored."
    ]
    creator.refresh_from_db()
    assert (creator.connection_state, EarningsAggregate.objects.count()) == ("connected", 0)
    entry = AuditEntry.objects.get(verb="test")
    assert "token-1" not in str(entry.after)


def test_a_refusal_is_said_and_names_no_secret(outside: Outside, settings: Settings) -> None:
    settings.ONLYFANS_API_URL = outside.gateway_url
    creator = _make("expired-secret")
    (said,) = _press(creator)
    assert said.startswith(f"The test failed. {creator}: The OnlyFans gateway refused the stored credentials (401)")
    creator.refresh_from_db()
    assert ("expired-secret" in said, creator.connection_state) == (False, "expired")
    assert AuditEntry.objects.filter(verb="test").count() == 1


def test_without_a_gateway_it_says_so(settings: Settings) -> None:
    settings.ONLYFANS_API_URL = ""
    assert _press(_make("token-1")) == ["The test failed. ONLYFANS_API_URL is not set, so earnings can't be pulled."]


@pytest.mark.parametrize(("group", "may"), [("Operations", True), ("Read only", False)])
def test_only_who_may_replace_it_may_test_it(group: str, may: bool) -> None:
    creator, bare = _make("token-1"), _make("")
    client, address = log_in(group), reverse("admin:onlyfans_creatoraccount_test", args=[creator.pk])
    page, other = (
        client.get(reverse("admin:onlyfans_creatoraccount_change", args=[one.pk])).content.decode()
        for one in (creator, bare)
    )
    assert (address in page, "/test/" in other) == (may, False)
    assert client.post(address).status_code == (302 if may else 403)
