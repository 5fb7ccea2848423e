"""Active filters stand above a list as chips, in words, and each can be taken off."""

import re
from html import unescape

import pytest

from billing.models import Invoice
from common.clock import Month
from tests.factories.billing import make_creator, make_organization
from tests.factories.invoices import make_invoice
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db


def _chips(address: str) -> list[tuple[str, str]]:
    """Return what each chip says, and where it leads."""
    page = log_in(superuser=True).get(address).content.decode()
    found = re.findall(r'<a href="([^"]*)" aria-label="Remove the filter ([^"]*)">', page)
    return [(unescape(said), unescape(to)) for to, said in found]


def test_a_list_without_filters_has_no_chips() -> None:
    assert _chips("/admin/billing/invoice/?q=INV-1") == []


def test_each_filter_is_named_and_taken_off_by_itself() -> None:
    make_invoice(month=Month(2026, 10))
    assert _chips("/admin/billing/invoice/?month=2026-10&status__exact=held&q=x") == [
        ("Month: October 2026", "?q=x&status__exact=held"),
        (f"Status: {Invoice.Status.HELD.label}", "?month=2026-10&q=x"),
    ]


def test_what_a_column_points_at_is_called_by_its_name() -> None:
    organization = make_organization(name="Café <Crème>")
    make_creator(organization)
    address = f"/admin/onlyfans/creatoraccount/?organization__id__exact={organization.pk}"
    assert _chips(address) == [("Organization: Café <Crème>", "?")]


def test_choices_of_ours_are_called_as_they_are_offered() -> None:
    assert _chips("/admin/billing/invoice/?failed=any") == [("Not delivered: Any step", "?")]
    assert _chips("/admin/alerts/channel/?is_enabled__exact=0") == [("Enabled: No", "?")]


def test_what_a_link_of_another_page_asks_for_is_a_chip_too() -> None:
    assert _chips("/admin/accounts/auditentry/?object_id=7") == [("Object id: 7", "?")]
