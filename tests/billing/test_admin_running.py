"""Previewing and running a month from the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice
from common.clock import Month, now
from jobs.engine import work
from jobs.models import JobRun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
PREVIEW, RUN = reverse("admin:billing_invoice_preview"), reverse("admin:billing_invoice_run")


def _token(client: Client, address: str) -> str:
    return str(client.get(address).context["form"].initial["token"])


def test_a_preview_is_a_dry_run() -> None:
    organization = make_organization()
    client = log_in("Finance")
    sent = {
        "month": "2026-08",
        "organizations": f" {organization.pk},, {organization.pk}\n",
        "token": _token(client, PREVIEW),
    }
    response = client.post(PREVIEW, sent)
    run = JobRun.objects.get()
    assert response["Location"] == reverse("admin:jobs_jobrun_change", args=[run.pk])
    assert (run.job, run.dry_run, run.params["month"], run.params["organizations"]) == (
        "monthly-billing", True, "2026-08", [organization.pk],
    )  # fmt: skip
    assert (run.trigger, run.actor is not None) == ("admin", True)


def test_sending_the_form_twice_starts_one_run() -> None:
    client = log_in("Finance")
    sent = {"month": "2026-08", "reason": "Due.", "token": _token(client, RUN)}
    first, second = client.post(RUN, sent), client.post(RUN, sent)
    assert (first["Location"], JobRun.objects.count()) == (second["Location"], 1)


def test_a_month_under_way_leads_to_its_run() -> None:
    client = log_in("Finance")
    client.post(RUN, {"month": "2026-08", "reason": "Due.", "token": _token(client, RUN)})
    again = client.post(RUN, {"month": "2026-08", "reason": "Due.", "token": _token(client, RUN)}, follow=True)
    assert JobRun.objects.count() == 1
    assert "being billed already" in again.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_run_bills_and_the_preview_does_not() -> None:
    earn(make_creator(make_organization()), AUGUST, 10_000)
    client = log_in("Finance")
    client.post(PREVIEW, {"month": "2026-08", "token": _token(client, PREVIEW)})
    work(JobRun.objects.latest("id").pk, wait=True)
    assert (JobRun.objects.get().status, Invoice.objects.count()) == ("succeeded", 0)
    client.post(RUN, {"month": "2026-08", "reason": "Month's end.", "token": _token(client, RUN)})
    run = JobRun.objects.latest("id")
    assert (run.dry_run, run.reason, run.params["regenerate"]) == (False, "Month's end.", False)


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({"month": ""}, "month", "This field is required."),
        ({"month": "October"}, "month", "is not a month: write it as year and month, like 2026-10"),
        ({"month": "2026-13"}, "month", "is not a month"),
        ({"month": str(Month.of(now()))}, "month", "has not ended yet"),
        ({"organizations": "org_x org_y"}, "organizations", "There is no organization org_x, org_y."),
        ({"reason": " "}, "reason", "This field is required."),
        ({"regenerate": "on"}, "regenerate", "Name the organizations"),
        ({"token": "1"}, "token", "Enter a valid UUID."),
    ],
)
def test_nonsense_is_refused_at_its_field(sent: dict[str, str], field: str, said: str) -> None:
    client = log_in("Finance")
    response = client.post(RUN, {"month": "2026-08", "reason": "Due.", "token": _token(client, RUN), **sent})
    assert said in " ".join(response.context["form"].errors[field])
    assert not JobRun.objects.exists()


def test_the_form_takes_up_what_an_address_names() -> None:
    page = log_in("Finance").get(f"{RUN}?month=2026-07&organizations=org_1").content.decode()
    assert ('value="2026-07"' in page, "org_1" in page) == (True, True)


@pytest.mark.parametrize("group", ["Operations", "Support", "Read only"])
def test_others_are_refused_and_see_no_button(group: str) -> None:
    client = log_in(group)
    for address in (PREVIEW, RUN):
        assert client.get(address).status_code == 403
        assert client.post(address, {"month": "2026-08", "reason": "Due."}).status_code == 403
        for page in (reverse("admin:index"), reverse("admin:billing_invoice_changelist")):
            assert address not in client.get(page).content.decode()
    assert not JobRun.objects.exists()


def test_finance_finds_both_buttons() -> None:
    client = log_in("Finance")
    for page in (reverse("admin:index"), reverse("admin:billing_invoice_changelist")):
        content = client.get(page).content.decode()
        assert (PREVIEW in content, RUN in content) == (True, True)
