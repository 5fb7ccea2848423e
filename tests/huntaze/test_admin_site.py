"""The admin site: addresses that lead nowhere, and what the log says of what is refused."""

import logging
import re
from io import StringIO

import pytest
from django.urls import resolve, reverse

from accounts.models import Organization
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


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\u200f", "\x07", "\x1b", "\x85", "\u2028", "\n"])
@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/admin/accounts/organization/add/", "name"),
        ("/admin/accounts/user/add/", "name"),
        ("/admin/auth/group/add/", "name"),
        ("/admin/alerts/channel/add/", "name"),
        ("/admin/alerts/rule/add/", "name"),
        ("/admin/billing/plan/add/", "name"),
        ("/admin/billing/meter/add/", "unit_name"),
        ("/admin/onlyfans/creatoraccount/add/", "display_name"),
    ],
)
def test_a_name_is_shown_as_it_is_written(address: str, field: str, char: str) -> None:
    page = log_in(superuser=True).post(address, {field: f"Acme{char}Ltd"})
    assert page.context["adminform"].form.errors[field] == [
        "Leave out line breaks, control characters and marks of the direction of writing."
    ]


def test_names_in_any_script_are_taken() -> None:
    names = ("Zoë O'Brien-Łuk", "مروة", "עדי", "星野 愛", "क्षमा", "👩‍🚀 Star", "می‌خواهم")
    client = log_in(superuser=True)
    for name in names:
        values = {"name": name, "status": "active", "currency": "USD", "id": f"org_{names.index(name)}"}
        assert client.post("/admin/accounts/organization/add/", values).status_code == 302
    assert set(Organization.objects.values_list("name", flat=True)) == set(names)


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
