"""Earnings in yen, by whichever door they come: as documented they are whole yen, and billed as such."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Organization
from billing.models import InvoiceLine, Plan
from onlyfans.models import CreatorAccount, EarningsAggregate
from onlyfans.providers.documents import get_schema
from onlyfans.providers.notifications import StoredFile
from onlyfans.services.results import process_files, take_files
from tests.factories.billing import AUGUST, make_creator, make_organization, make_plan
from tests.factories.invoices import make_invoice
from tests.factories.runs import run
from tests.factories.staff import log_in
from tests.onlyfans.results.shelf import Shelf
from tests.onlyfans.results.test_order import DOOR, put, shelf
from tests.onlyfans.results.world import describe
from tests.outside import Outside, wired

__all__ = ["shelf", "wired"]
pytestmark = pytest.mark.django_db(transaction=True)
GROSS, NET, MONTH = 1_234_560, 987_648, "2026-08"


@pytest.fixture
def creator() -> CreatorAccount:
    organization = make_organization(make_plan(currency="JPY"), currency="JPY")
    return make_creator(organization, onlyfans_user_id=f"of_{uuid.uuid4().hex[:12]}", display_name="Aiko")


def check_billed(creator: CreatorAccount) -> None:
    """20 % of JPY 987,648 is JPY 197,529.6."""
    figures = EarningsAggregate.objects.exclude(gross_cents=0).values_list("currency", "gross_cents", "net_cents")
    assert list(figures) == [("JPY", GROSS, NET)]
    invoice = make_invoice(Organization.objects.get(pk=creator.organization_id))
    assert (invoice.currency, invoice.total_cents) == ("JPY", 197_530)
    assert InvoiceLine.objects.get().explanation["net_cents"] == NET


def test_typed_by_staff(creator: CreatorAccount) -> None:
    typed = {"gross_cents": "1,234,560", "net_cents": "JPY 987,648", "currency": "JPY"}
    sent = {"creator": str(creator.pk), "month": MONTH, "category": "tips", **typed}
    answer = log_in("Finance").post(reverse("admin:onlyfans_earningsaggregate_add"), sent)
    assert answer.status_code == 302
    check_billed(creator)


def test_sent_by_a_caller(creator: CreatorAccount, settings: Settings) -> None:
    settings.CRON_SECRETS = ("cron-secret-of-these-tests",)
    row = {"userId": creator.onlyfans_user_id, "month": MONTH, "currency": "JPY", "grossCents": GROSS, "netCents": NET}
    answer = Client().post(
        "/api/ingest/of-aggregates",
        json.dumps(row),
        content_type="application/json",
        headers={"x-cron-secret": settings.CRON_SECRETS[0]},
    )
    assert answer.json()["counts"] == {"created": 1}
    check_billed(creator)


def test_in_a_result_file(creator: CreatorAccount, shelf: Shelf) -> None:
    data: dict[str, Any] = {"currency": "JPY", "months": {MONTH: {"tips": {"grossCents": GROSS, "netCents": NET}}}}
    etag = put(shelf, "1", describe("earnings", creator.onlyfans_user_id, data))
    take_files([StoredFile("shelf", "jobs/1/result.json", etag, "0A")], DOOR)
    process_files()
    check_billed(creator)


@pytest.mark.parametrize("is_by_transactions", [False, True])
def test_pulled_from_the_gateway(
    wired: Outside, creator: CreatorAccount, settings: Settings, is_by_transactions: bool
) -> None:
    """It writes amounts as people do: 1234560 is JPY 1,234,560, where it would be USD 1,234,560.00."""
    if is_by_transactions:
        settings.ONLYFANS_TRANSACTIONS_PATH = "/api/{account}/transactions"
    creator.credentials = {"token": "token-1"}
    creator.save()
    account = creator.onlyfans_user_id
    wired.control("PUT", f"/onlyfans/{account}", currency="JPY")
    wired.seed(account, AUGUST, tips=GROSS)
    ended = run("pull-earnings", month=AUGUST)
    assert ended.status == "succeeded", ended.items.get().error
    check_billed(creator)


def test_a_currency_that_nobody_bills_in_is_not_pulled(wired: Outside, creator: CreatorAccount) -> None:
    creator.credentials = {"token": "token-1"}
    creator.save()
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", currency="XYZ")
    error = run("pull-earnings", month=AUGUST).items.get().error
    assert error.endswith("The OnlyFans gateway sent a statement in a currency that we don't accept: XYZ.")
    assert not EarningsAggregate.objects.exists()
    assert Plan.objects.get().currency == "JPY"


def test_what_is_published_says_minor_units() -> None:
    published = json.dumps(get_schema("earnings", 1))
    assert ("hundredths" in published, "In the currency's minor unit: cents of USD" in published) == (False, True)
    described = Client().get("/api/schema/", headers={"accept": "application/json"}).content.decode()
    assert ("hundredths" in described, "In the currency's minor unit" in described) == (False, True)
