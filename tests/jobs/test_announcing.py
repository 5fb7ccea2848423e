"""The end of a run, told to those who asked for it."""

import pytest
from django.db import transaction

from alerts.models import Channel, Notification
from alerts.providers.webhook import new_secret
from alerts.services.sending import send_waiting
from jobs.models import JobRun
from jobs.services import cancel_run, stop_run
from tests.alerts.receiver import Receiver, receiver
from tests.factories.alerts import make_channel, make_rule
from tests.factories.ledger import make_run

__all__ = ["receiver"]
pytestmark = pytest.mark.django_db


def listen(**values: object) -> Channel:
    channel = make_channel()
    make_rule(channel, kinds=["job-completed"], **values)
    return channel


def fail(run: JobRun) -> JobRun:
    stop_run(run.pk, "The gateway is gone.")
    run.refresh_from_db()
    return run


def test_a_signed_message_tells_how_it_ended(receiver: Receiver, settings: object) -> None:
    settings.ALERTS_ALLOW_PRIVATE_ADDRESSES = True  # type: ignore[attr-defined]  # pytest-django's settings
    hook = make_channel(Channel.Kind.WEBHOOK, url=receiver.url, secret=new_secret())
    make_rule(hook, kinds=["job-completed"])
    run = fail(make_run("hourly-usage", "running", expected=5, done=2))
    stop_run(run.pk, "Again")
    assert send_waiting(seconds=20) == 1
    (request,) = receiver.requests
    receiver.verify(request, hook.config["secret"])
    body = request.json
    assert body["type"] == "job.completed"
    wanted = {
        "runId": run.pk,
        "job": "hourly-usage",
        "status": "failed",
        "success": False,
        "outcome": "failed",
        "severity": "error",
        "expected": 5,
        "done": 2,
        "error": "The gateway is gone.",
        "link": f"http://localhost:8000/admin/jobs/jobrun/{run.pk}/change/",
    }
    assert {name: body["data"][name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({}, 1),
        ({"scopes": ["hourly-usage"]}, 1),
        ({"scopes": ["monthly-*"]}, 0),
        ({"outcomes": ["failed", "partial"]}, 1),
        ({"outcomes": ["succeeded"]}, 0),
        ({"is_enabled": False}, 0),
    ],
)
def test_filters_by_job_and_outcome(values: dict[str, object], messages: int) -> None:
    listen(**values)
    fail(make_run("hourly-usage", "running"))
    assert Notification.objects.count() == messages


def test_rules_for_conditions_hear_of_no_ends() -> None:
    make_rule(make_channel())
    fail(make_run("hourly-usage", "running"))
    assert Notification.objects.count() == 0


def test_a_dry_run_is_nobodys_business() -> None:
    listen()
    fail(make_run(status="running", dry_run=True))
    assert Notification.objects.count() == 0


def test_a_cancelled_run_and_one_that_nobody_declares_are_told() -> None:
    listen()
    cancel_run(make_run("hourly-usage", "queued"), None)
    fail(make_run("forgotten", "running"))
    assert [row.message["outcome"] for row in Notification.objects.order_by("id")] == ["cancelled", "failed"]


def test_an_end_that_is_rolled_back_is_not_told() -> None:
    listen()
    run = make_run("hourly-usage", "running")
    with pytest.raises(RuntimeError), transaction.atomic():
        stop_run(run.pk, "The gateway is gone.")
        assert Notification.objects.count() == 1
        raise RuntimeError
    assert Notification.objects.count() == 0
    assert JobRun.objects.get().status == "running"
