"""Starting a job by the form that its parameters make."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Literal

import pytest
from django.test import Client
from django.urls import reverse
from pydantic import AwareDatetime, Field

from common.clock import Month, previous_month
from jobs import registry
from jobs.forms import StartForm
from jobs.models import JobRun
from jobs.registry import Job, JobParams, job
from tests.factories.billing import make_organization
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
BILLING = reverse("admin:jobs_jobrun_start_job", args=["monthly-billing"])
MARK = "0123456789abcdef" * 2


@pytest.fixture
def every_kind() -> Iterator[type[Job]]:
    """Declare a job with a parameter of every kind."""

    @job("every-kind", title="Every kind")
    class EveryKind(Job):
        class Params(JobParams):
            """One parameter a kind."""

            amount: int = 3
            numbers: tuple[int, ...] = (1, 2)
            speed: Literal["slow", "very_fast"] = "slow"
            at: AwareDatetime = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
            month: Month | None = None
            needed: str = Field(description="Without it nothing goes.")
            loud: bool = True

    yield EveryKind
    del registry._JOBS["every-kind"]


def _send(client: Client, address: str = BILLING, **values: str) -> str:
    response = client.post(address, {"mark": MARK, **values})
    return str(response["Location"]) if response.status_code == 302 else str(response.content.decode())


def test_the_form_is_filled_with_what_holds_anyway(every_kind: type[Job]) -> None:
    form = StartForm(every_kind)
    shown = {name: form[name].value() for name in every_kind.Params.model_fields}
    assert shown == {
        "amount": "3",
        "numbers": "1\n2",
        "speed": "slow",
        "at": "2026-01-02T03:04",
        "month": None,
        "needed": None,
        "loud": True,
    }
    assert form.fields["needed"].help_text == "Without it nothing goes."
    assert 'type="month"' in str(form["month"])
    assert 'type="datetime-local"' in str(form["at"])
    assert '<option value="very_fast">Very fast</option>' in re.sub(r"\s+", " ", str(form["speed"]))


def test_the_form_reads_every_kind(every_kind: type[Job]) -> None:
    data = {
        "amount": "5", "numbers": "7, 8\n9", "speed": "very_fast", "at": "2026-05-06T07:08", "month": "2026-04",
        "needed": "yes", "mark": MARK,
    }  # fmt: skip
    form = StartForm(every_kind, data)
    assert form.is_valid(), form.errors
    assert form.params.model_dump() == {
        "amount": 5,
        "numbers": (7, 8, 9),
        "speed": "very_fast",
        "at": dt.datetime(2026, 5, 6, 7, 8, tzinfo=dt.UTC),
        "month": "2026-04",
        "needed": "yes",
        "loud": False,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", "five"), ("numbers", "1 x"), ("speed", "warp"), ("at", "soon"), ("month", "2026-13"), ("needed", "")],
)
def test_what_is_wrong_stands_at_its_field(every_kind: type[Job], field: str, value: str) -> None:
    form = StartForm(every_kind, {"needed": "yes", "mark": MARK, field: value})
    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_finance_starts_a_month_and_the_run_keeps_who_and_why() -> None:
    location = _send(log_in("Finance"), month="2026-09", stripe="on", action="start", reason="Forgotten")
    run = JobRun.objects.get()
    assert location == reverse("admin:jobs_jobrun_change", args=[run.pk])
    assert (run.params["month"], run.params["stripe"], run.params["email"]) == ("2026-09", True, False)
    assert (run.dry_run, run.reason, run.trigger, run.actor is None) == (False, "Forgotten", "admin", False)


def test_a_preview_is_a_dry_run_and_needs_no_reason() -> None:
    _send(log_in("Finance"), month="2026-09", action="preview")
    run = JobRun.objects.get()
    assert (run.dry_run, run.params["dry_run"]) == (True, True)


def test_nothing_starts_without_a_reason_where_money_moves() -> None:
    assert "Say why: the reason is kept with the run." in _send(log_in("Finance"), month="2026-09", action="start")
    assert not JobRun.objects.exists()


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"month": "2026-13"}, "“2026-13” is not a month: write it as year and month, like 2026-10"),
        ({"month": "2999-01"}, "2999-01 has not ended yet"),
        ({"organizations": "org_nobody"}, "There is no organization org_nobody."),
        ({"regenerate": "on"}, "Name the organizations whose invoices are to be made anew."),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"mark": "forged"}, "Open this page anew."),
    ],
)
def test_nonsense_gives_one_error_and_starts_nothing(values: dict[str, str], error: str) -> None:
    shown = _send(log_in("Finance"), **{"month": "2026-09", "action": "start", "reason": "x", **values})
    assert error in shown
    assert not JobRun.objects.exists()


def test_a_second_click_leads_to_the_same_run_and_changed_parameters_to_another() -> None:
    client, known = log_in("Operations"), reverse("admin:jobs_jobrun_start_job", args=["hourly-usage"])
    first, second = (_send(client, known, hour="2026-10-01T10:00", action="start") for _ in range(2))
    third = _send(client, known, hour="2026-10-01T11:00", action="start")
    assert first == second != third
    assert JobRun.objects.count() == 2


def test_a_month_under_way_is_not_started_again_but_shown() -> None:
    client = log_in("Finance")
    first = _send(client, month="2026-09", action="start", reason="x")
    response = client.post(
        BILLING, {"mark": MARK[::-1], "month": "2026-09", "action": "start", "reason": "y"}, follow=True
    )
    assert response.redirect_chain[0][0] == first
    assert "is under way already; nothing new was started." in response.content.decode()
    assert JobRun.objects.count() == 1


def test_a_preview_leads_to_the_form_filled_with_what_it_previewed() -> None:
    client, organization = log_in("Finance"), make_organization()
    _send(client, month="2026-07", organizations=organization.pk, action="preview")
    preview = JobRun.objects.get()
    JobRun.objects.update(status="succeeded", summary={"invoices": 1})
    page = client.get(reverse("admin:jobs_jobrun_change", args=[preview.pk])).content.decode()
    assert f'href="{BILLING}?preview={preview.pk}"' in page
    form = client.get(f"{BILLING}?preview={preview.pk}").content.decode()
    assert 'value="2026-07"' in form
    assert organization.pk in form
    assert "Preview:" in form


@pytest.mark.parametrize("preview", ["x", "99999999999999999999", "0"])
def test_a_preview_that_is_none_is_left_out(preview: str) -> None:
    page = log_in("Finance").get(f"{BILLING}?preview={preview}")
    assert page.status_code == 200
    assert f'value="{previous_month()}"' in page.content.decode()


def test_an_unknown_job_is_not_found() -> None:
    assert log_in(superuser=True).get(reverse("admin:jobs_jobrun_start_job", args=["nonsense"])).status_code == 404


def test_the_list_of_jobs_tells_what_each_does_and_when_it_runs_next() -> None:
    page = log_in("Operations").get(reverse("admin:jobs_jobrun_start")).content.decode()
    assert "Bills every active organization for one month" in page
    assert re.search(r"\d{4}-\d\d-01 02:00", page)
    assert f'href="{BILLING}"' not in page
    assert reverse("admin:jobs_jobrun_start_job", args=["hourly-usage"]) in page
