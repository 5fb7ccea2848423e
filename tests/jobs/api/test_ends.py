"""Waiting for a run's end, and asking how a run stands."""

import pytest
from django.conf import settings as django_settings

from jobs.api import waiting
from jobs.engine import work
from jobs.models import JobRun
from jobs.services import cancel_run
from tests.jobs.api.conftest import Call
from tests.jobs.spine import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


def work_on_next() -> None:
    """Work on the first run there is, as a worker that heard the bell does."""
    while (run := JobRun.objects.first()) is None:
        pass
    work(run.pk, wait=True)


def test_whoever_waits_hears_the_end(call: Call) -> None:
    with elsewhere(work_on_next):
        status, answer = call("asking?wait=25", {"scope": "good bad"})
    run = JobRun.objects.get()
    assert (status, answer["success"], answer["status"]) == (200, False, "partial")
    assert answer["summary"] == {"worked_on": 2}
    assert answer["errors"] == [{"item": "bad", "step": "process", "message": "It was bad."}]
    assert (answer["runId"], answer["expected"], answer["done"], answer["failed"]) == (run.pk, 2, 1, 1)


def test_a_job_may_wait_unless_told_otherwise(call: Call) -> None:
    with elsewhere(work_on_next):
        status, answer = call("patient", {"scope": "good"})
    assert (status, answer["success"], answer["status"], answer["errors"]) == (200, True, "succeeded", [])
    assert call("patient?wait=0", {"scope": "good"})[0] == 202


def test_whoever_waited_in_vain_hears_how_it_stands(call: Call) -> None:
    status, answer = call("asking?wait=1", {"scope": "good"})
    assert (status, answer["success"], answer["status"], answer["summary"]) == (200, True, "queued", {})


def test_a_repeated_delivery_that_waits_hears_the_first_one_s_end(call: Call) -> None:
    run_id = call("asking", {"scope": "good"}, idempotency_key="k")[1]["runId"]
    work(run_id, wait=True)
    status, answer = call("asking?wait=25", {"scope": "good"}, idempotency_key="k")
    assert (status, answer["status"], answer["runId"]) == (200, "succeeded", run_id)


def test_where_too_many_wait_nobody_else_does(call: Call) -> None:
    assert waiting._places.acquire(blocking=False) and waiting._places.acquire(blocking=False)
    try:
        status, answer = call("asking?wait=25", {"scope": "good"}, idempotency_key="k")
        assert (status, answer["status"], set(answer) & {"summary", "errors"}) == (202, "queued", set())
        work(answer["runId"], wait=True)
        status, answer = call("asking?wait=25", {"scope": "good"}, idempotency_key="k")
    finally:
        waiting._places.release(2)
    assert (status, answer["status"], answer["summary"]) == (200, "succeeded", {"worked_on": 1})


def test_a_run_tells_how_it_stands(call: Call) -> None:
    run_id = call("asking", {"scope": "good bad", "dryRun": False})[1]["runId"]
    status, answer = call(f"runs/{run_id}", method="GET")
    assert (status, answer["status"], answer["success"], answer["startedAt"]) == (200, "queued", True, None)
    work(run_id, wait=True)
    status, answer = call(f"runs/{run_id}/", method="GET")
    assert (status, answer["status"], answer["success"]) == (200, "partial", False)
    assert answer["params"] == {"scope": "good bad", "how_many": 1, "words_of": [], "dry_run": False}
    assert answer["finishedAt"].endswith("Z") and answer["createdAt"].endswith("Z")
    assert answer["statusUrl"] == f"{django_settings.BASE_URL}/api/cron/runs/{run_id}"


def test_a_cancelled_run_is_no_success(call: Call) -> None:
    run_id = call("asking", {"scope": "good"})[1]["runId"]
    cancel_run(JobRun.objects.get(), None, "Not now.")
    answer = call(f"runs/{run_id}", method="GET")[1]
    assert (answer["success"], answer["status"]) == (False, "cancelled")
    assert answer["errors"] == [{"item": "", "step": "", "message": "Cancelled: Not now."}]


def test_other_runs_are_nobody_s_here(call: Call) -> None:
    inner = JobRun.objects.create(job="inner", trigger="admin")
    gone = JobRun.objects.create(job="gone", trigger="admin")
    for address in (f"runs/{inner.pk}", f"runs/{gone.pk}", "runs/0", "runs/99999999999999999999", "runs/x"):
        status, answer = call(address, method="GET")
        assert (status, answer["error"]["code"]) == (404, "not_found")
    assert call(f"runs/{inner.pk}", method="POST")[0] == 405
