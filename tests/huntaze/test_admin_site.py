"""The admin site: addresses that lead nowhere, and what the log says of what is refused."""

import logging
import re
from io import StringIO

import pytest
from django.urls import resolve, reverse

from tests.factories.billing import make_organization
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [
        "/admin/accounts/organization/%00/change/",
        "/admin/accounts/organization/%00/history/",
        "/admin/accounts/organization/?q=%00",
        "/admin/accounts/organization/?status__exact=%00",
        "/admin/billing/invoice/?month=%00",
        "/admin/onlyfans/creatoraccount/?organization__id__exact=%00",
        "/admin/search/?s=%00",
    ],
)
def test_nothing_is_found_by_a_nul(address: str) -> None:
    make_organization()
    assert log_in(superuser=True).get(address).status_code == 404


def test_a_refused_request_takes_one_line_of_the_log() -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("{levelname} {message}", style="{"))
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    address = reverse("admin:billing_invoice_run")
    try:
        assert log_in("Support").get(address).status_code == 403
        logger.error("Broken", exc_info=ValueError("a reason"))
    finally:
        logger.removeHandler(handler)
    refused, broken, *trace = stream.getvalue().splitlines()
    assert (refused, broken) == (f"WARNING Forbidden (Permission denied): {address}", "ERROR Broken")
    assert trace[-1] == "ValueError: a reason"


def test_each_list_is_called_as_in_the_sidebar() -> None:
    client, lists = log_in(superuser=True), []
    for group in client.get(reverse("admin:index")).context["sidebar_navigation"]:
        for item in group["items"]:
            place = resolve(str(item["link"])).url_name or ""
            if place.endswith("_changelist"):
                lists.append(item["title"])
                page = client.get(item["link"]).content.decode()
                assert re.findall(r"truncate tracking-tight\">\s*(.*?)\s*</", page) == [group["title"], item["title"]]
    assert {"Invoices", "Runs", "Schedules", "Messages sent", "Creators", "Groups", "Audit trail"} < set(lists)
