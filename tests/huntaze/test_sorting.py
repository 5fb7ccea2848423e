"""Lists sort by what their columns show, both ways."""

import re

import pytest
from django.contrib import admin

from tests.factories.billing import make_organization
from tests.factories.invoices import make_invoice
from tests.factories.ledger import make_run
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db


def _column(address: str, field: str) -> list[str]:
    page = log_in(superuser=True).get(address).content.decode()
    cells = re.findall(rf'<t[dh] class="field-{field}[^>]*>(.*?)</t[dh]>', page, re.DOTALL)
    return [re.sub(r"<[^>]*>|\s+", " ", cell).strip() for cell in cells]


def test_invoices_sort_by_total_and_by_the_name_of_the_organization() -> None:
    for name, cents in (("Beta", 300_000), ("Alpha", 100_000), ("Gamma", 200_000)):
        make_invoice(make_organization(name=name), cents=cents)
    names = [cell.split()[0] for cell in _column("/admin/billing/invoice/?o=2", "organization_name")]
    assert names == ["Alpha", "Beta", "Gamma"]
    totals = _column("/admin/billing/invoice/?o=-6", "total")
    assert len(totals) == 3
    assert totals == sorted(totals, key=lambda text: float(text.split()[1].replace(",", "")), reverse=True)


def test_runs_sort_by_state() -> None:
    for status in ("failed", "succeeded", "failed"):
        make_run("hourly-usage", status)
    assert _column("/admin/jobs/jobrun/?o=1", "state") == ["Failed", "Failed", "Succeeded"]


@pytest.mark.parametrize(
    "label",
    [
        *("billing.Invoice", "billing.Payment", "billing.BillingAccount", "jobs.JobRun", "jobs.JobMonitor"),
        *("django_celery_beat.PeriodicTask", "onlyfans.EarningsAggregate", "onlyfans.CreatorAccount"),
        *("accounts.Organization", "accounts.User", "alerts.Channel", "alerts.Rule"),
    ],
)
def test_what_grows_with_the_business_and_not_with_its_events_sorts(label: str) -> None:
    page = log_in(superuser=True)
    (model,) = [model for model in admin.site._registry if model._meta.label == label]
    registered = admin.site._registry[model]
    assert registered.sortable_by is None
    for place in range(len(registered.list_display) + 1):
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/?o=-{place}"
        assert page.get(address).status_code == 200
