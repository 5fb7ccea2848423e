"""The summary of a run by mail: to whom it is wanted by, once."""

import pytest
from pytest_django import Settings

from common.clock import Month
from jobs.models import JobRun
from jobs.services import finish_run
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.runs import bill, finish
from tests.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def notified(wired: Outside, settings: Settings) -> Outside:
    settings.NOTIFY_ON_COMPLETION, settings.NOTIFY_EMAIL = True, ("finance@example.test", "boss@example.test")
    settings.BASE_URL = "https://office.example.test"
    settings.ONLYFANS_API_URL = ""
    earn(make_creator(make_organization(make_plan(base_fee_cents=500))), AUGUST, 10_000)
    return wired


def summaries() -> list[JobRun]:
    return list(JobRun.objects.filter(job="billing-summary").order_by("id"))


def received(outside: Outside) -> list[tuple[str, int]]:
    return [(mail["to"][0], mail["times_received"]) for mail in outside.list_mails()]


def test_each_address_gets_one_mail_a_run(notified: Outside) -> None:
    run = bill(AUGUST)
    (summary,) = summaries()
    assert (summary.parent, summary.trigger, summary.params) == (run, "job", {"run": run.pk})
    for _ in range(2):
        finish(summary)
    assert received(notified) == [("finance@example.test", 1), ("boss@example.test", 1)]
    # The end of a run is written down once, whoever looks at it.
    assert finish_run(run.pk)
    assert summaries() == [summary]


def test_what_it_says(notified: Outside) -> None:
    make_organization(make_plan((), name="Broken"))
    run = bill(AUGUST)
    finish(summaries()[0])
    (mail, _) = notified.list_mails()
    message = notified.read_mail(mail["number"])
    assert message["From"] == "Huntaze Billing <billing@huntaze.test>"
    assert "August 2026" in message["Subject"]
    text = message.get_body(("plain",))
    assert text is not None
    said = " ".join(text.get_content().split())
    assert "USD 25.00" in said
    assert f"https://office.example.test/admin/jobs/jobrun/{run.pk}/change/" in said


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ({"status": "failed", "error": "The storage refuses us."}, "Not completed: The storage refuses us."),
        ({"status": "cancelled"}, "Not completed: It was cancelled."),
    ],
)
def test_a_run_that_did_not_get_to_all_is_not_called_well(notified: Outside, ending: dict[str, str], said: str) -> None:
    run = bill(AUGUST)
    JobRun.objects.filter(pk=run.pk).update(expected=3, **ending)
    finish(summaries()[0])
    message = notified.read_mail(notified.list_mails()[0]["number"])
    assert message["Subject"] == "Billing for August 2026: not completed"
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        text = " ".join(body.get_content().split())
        assert f"{said} 2 of 3 organizations were not brought to an end." in text


def test_what_failed_by_itself_is_counted_and_the_rest_is_well(notified: Outside) -> None:
    make_organization(make_plan((), name="Broken"))
    bill(AUGUST)
    finish(summaries()[0])
    message = notified.read_mail(notified.list_mails()[0]["number"])
    assert message["Subject"] == "Billing for August 2026: 1 error"


def test_a_dry_run_tells_nobody(notified: Outside) -> None:
    bill(AUGUST, dry_run=True)
    assert summaries() == []


@pytest.mark.parametrize(("on", "to"), [(False, ("finance@example.test",)), (True, ())])
def test_nobody_is_told_who_did_not_ask(notified: Outside, settings: Settings, on: bool, to: tuple[str, ...]) -> None:
    settings.NOTIFY_ON_COMPLETION, settings.NOTIFY_EMAIL = on, to
    bill(AUGUST)
    assert summaries() == []


def test_an_address_given_twice_gets_one_mail(notified: Outside, settings: Settings) -> None:
    settings.NOTIFY_EMAIL = ("finance@example.test", "finance@example.test")
    bill(AUGUST)
    assert finish(summaries()[0]).status == "succeeded"
    assert received(notified) == [("finance@example.test", 1)]


def test_one_refused_address_is_one_failed_item(notified: Outside) -> None:
    notified.refuse_mail("finance@example.test")
    bill(AUGUST)
    summary = finish(summaries()[0])
    assert (summary.status, summary.done, summary.failed) == ("partial", 1, 1)
    assert received(notified) == [("boss@example.test", 1)]


def test_a_run_that_was_stopped_tells_it_too(notified: Outside, settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_test_invalid_1"
    run = bill(AUGUST, deliver=True)
    assert run.status == "failed"
    assert finish(summaries()[0]).status == "succeeded"
    assert len(received(notified)) == 2


def test_each_run_has_its_own(notified: Outside) -> None:
    for month in (AUGUST, Month(2026, 7)):
        bill(month)
    for summary in summaries():
        finish(summary)
    assert len(received(notified)) == 4
