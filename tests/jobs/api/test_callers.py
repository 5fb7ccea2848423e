"""Real callers' requests, replayed: each starts one run, however often it is delivered."""

import datetime as dt

import pytest

from common.clock import iso
from jobs.models import JobRun
from tests.jobs.api.conftest import Replay

pytestmark = pytest.mark.django_db


def test_a_rule_s_event_starts_one_run_however_often_it_comes(replay: Replay) -> None:
    first, again = (replay("eventbridge-rule", "/api/cron/asking") for _ in range(2))
    run = JobRun.objects.get()
    assert (first[0], again[0]) == (202, 200)
    assert first[1]["runId"] == again[1]["runId"] == run.pk
    assert (run.job, run.trigger, run.actor, run.reason) == ("asking", "http", None, "")
    assert run.slot == "http event 53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa"
    assert replay("eventbridge-rule", "/api/cron/asking", id="another")[0] == 202


def test_an_event_s_detail_holds_the_parameters(replay: Replay) -> None:
    assert replay("eventbridge-event", "/api/cron/asking")[0] == 202
    run = JobRun.objects.get()
    assert run.params == {"scope": "some", "how_many": 1, "words_of": [], "dry_run": True}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"detail": {"nonsense": 1}}, "nonsense"),
        ({"detail": []}, "detail"),
        ({"detail": None}, "detail"),
        ({"scope": "beside the detail"}, "scope"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"id": "x" * 256}, "id"),
        ({"id": "two\nlines"}, "id"),
    ],
    ids=str,
)
def test_an_event_that_does_not_fit_starts_nothing(replay: Replay, changes: dict[str, object], field: str) -> None:
    status, answer = replay("eventbridge-event", "/api/cron/asking", **changes)
    assert (status, list(answer["error"]["fields"])) == (400, [field])
    assert not JobRun.objects.exists()


def test_the_scheduler_s_planned_time_is_the_slot_of_our_own_schedule(replay: Replay) -> None:
    assert [replay("eventbridge-scheduler", "/api/cron/asking")[0] for _ in range(2)] == [202, 200]
    assert JobRun.objects.get().slot == "schedule 2026-11-01T02:00:00Z"
    later = {"scheduled-time": "2026-11-01T03:00:00+00:00"}
    assert replay("eventbridge-scheduler", "/api/cron/asking", **later)[0] == 202


def test_a_planned_time_asks_for_what_was_due_then_however_late_it_comes(replay: Replay) -> None:
    moment = (dt.datetime.now(dt.UTC) - dt.timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    for _ in range(2):
        replay("eventbridge-scheduler", "/api/cron/hourly-usage", **{"scheduled-time": moment.isoformat()})
    run = JobRun.objects.get()
    assert run.params == {"hour": iso(moment - dt.timedelta(hours=1))}
    assert run.slot == f"schedule {iso(moment)}"


def test_one_planned_time_for_different_work_is_not_the_same_delivery(replay: Replay) -> None:
    assert replay("eventbridge-scheduler", "/api/cron/asking", scope="a")[0] == 202
    assert replay("eventbridge-scheduler", "/api/cron/asking", scope="b")[0] == 202
    assert replay("eventbridge-scheduler", "/api/cron/asking", scope="a")[0] == 200
    assert JobRun.objects.count() == 2


@pytest.mark.parametrize(
    "time", ["<aws.scheduler.scheduled-time>", "", 7, "2026-11-01T02:00:00", "0001-01-01T00:00+23:00"]
)
def test_a_planned_time_that_is_none_is_named(replay: Replay, time: object) -> None:
    status, answer = replay("eventbridge-scheduler", "/api/cron/asking", **{"scheduled-time": time})
    assert (status, list(answer["error"]["fields"])) == (400, ["scheduled-time"])
    assert not JobRun.objects.exists()


def test_vercel_s_get_starts_a_run(replay: Replay) -> None:
    status, answer = replay("vercel", "/api/cron/asking?scope=x")
    run = JobRun.objects.get()
    assert (status, answer["runId"], run.params["scope"], run.slot) == (202, run.pk, "x", None)


def test_vercel_s_overlapping_calls_get_the_run_under_way(replay: Replay) -> None:
    first, second = (replay("vercel", "/api/cron/single") for _ in range(2))
    assert (first[0], second[0], second[1]["runId"]) == (202, 200, first[1]["runId"])
    assert JobRun.objects.count() == 1


def test_a_delivery_that_found_a_run_under_way_gets_that_run_ever_after(replay: Replay) -> None:
    under_way = replay("vercel", "/api/cron/single")[1]["runId"]
    for key in ("once", "twice"):
        status, answer = replay("eventbridge-rule", "/api/cron/single", id=key)
        assert (status, answer["runId"]) == (200, under_way)
    JobRun.objects.update(status=JobRun.Status.SUCCEEDED)
    status, answer = replay("eventbridge-rule", "/api/cron/single", id="once")
    assert (status, answer["runId"], answer["status"], JobRun.objects.count()) == (200, under_way, "succeeded", 1)
    status, answer = replay("eventbridge-rule", "/api/cron/single", id="new")
    assert (status, JobRun.objects.count()) == (202, 2)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2999-01-01T00:00:00Z"])
def test_a_time_that_is_not_there_yet_or_never_was_is_refused(replay: Replay, time: str) -> None:
    status, answer = replay("eventbridge-rule", "/api/cron/asking", time=time)
    assert (status, list(answer["error"]["fields"])) == (400, ["time"])
    assert not JobRun.objects.exists()


def test_a_time_within_the_detail_is_the_planned_one(replay: Replay) -> None:
    detail = {"scheduled-time": "2026-11-20T10:00:00Z"}
    status, _ = replay("eventbridge-rule", "/api/cron/hourly-usage", detail=detail, time="2026-11-20T12:34:00Z")
    assert (status, JobRun.objects.get().params["hour"]) == (202, "2026-11-20T09:00:00Z")


def test_vercel_s_own_header_opens_nothing(replay: Replay) -> None:
    for name in ("vercel", "eventbridge-rule", "eventbridge-scheduler"):
        status, answer = replay(name, "/api/cron/asking", secret="wrong")
        assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert not JobRun.objects.exists()
