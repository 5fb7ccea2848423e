"""The sweep: whatever waits is rung for again, so that no lost bell and no dead worker loses anything."""

from collections.abc import Iterator, Sequence

import pytest
from celery import current_app
from django.db import connection
from pytest_django import Settings

from common.errors import Misconfigured, Retryable
from jobs import registry
from jobs.engine import work
from jobs.engine.claims import claim
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Job
from jobs.services import cancel_run, expand_run
from jobs.tasks import sweep, work_on_run
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, begin, counts, effects, end_leases, items, run_job, statuses


def queue_name() -> str:
    """Name the queue by the test's database, for the broker is shared with tests that run beside."""
    return f"swept-{connection.settings_dict['NAME']}"


@pytest.fixture(autouse=True)
def queue(declare: Declare, settings: Settings) -> Iterator[None]:
    """A job on a queue of its own, empty at first; a lease ends only when a test says so."""
    settings.JOBS_LEASE_SECONDS = 60

    @declare("swept", title="Swept", queue=queue_name(), batch_size=1)
    class Swept(Job):
        def keys(self) -> Sequence[str]:
            return list("abc")

        def process(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0])

    take_bells()
    yield
    take_bells()


def take_bells(*, passing: bool | None = None) -> list[int]:
    """Take what was rung from the real broker: the runs' ids; `passing`: whether each was to be dropped."""
    found: list[int] = []
    with current_app.connection_for_read() as broker, broker.SimpleQueue(queue_name()) as waiting:
        while True:
            try:
                message = waiting.get(block=False)
            except waiting.Empty:
                return found
            message.ack()
            (run_id,), _, _ = message.payload
            assert message.headers["task"] == "jobs.work"
            if passing is not None:
                assert (message.headers["expires"] is not None) is passing
            found.append(run_id)


def swept() -> list[int]:
    sweep()
    return take_bells(passing=True)


def test_a_start_rings_once() -> None:
    run = begin("swept")
    assert take_bells(passing=False) == [run.pk]


def test_a_lost_bell_is_rung_again_for_as_many_workers_as_are_wanted(settings: Settings) -> None:
    settings.JOBS_WORKERS_PER_RUN = 3
    run = begin("swept")
    take_bells()
    assert swept() == [run.pk] * 3
    assert swept() == [run.pk] * 3
    work_on_run(run.pk)
    run.refresh_from_db()
    assert (run.status, effects()) == ("succeeded", ["a", "b", "c"])
    assert swept() == []


def test_what_somebody_works_on_is_not_rung_for_until_the_lease_ends() -> None:
    run = expand_run(begin("swept").pk)
    take_bells()
    claim(run, 3)
    assert swept() == []
    end_leases(run)
    assert set(swept()) == {run.pk}
    work_on_run(run.pk)
    assert effects() == ["a", "b", "c"]


def test_a_retry_is_rung_for_when_it_falls_due(declare: Declare) -> None:
    @declare("retried", title="Retried", queue=queue_name())
    class Retried(Job):
        def keys(self) -> Sequence[str]:
            return ["a"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            if not items(context.run)["a"].steps:
                raise Retryable("Later.", retry_after=3600)
            act("a")

    run = begin("retried")
    take_bells()
    work_on_run(run.pk)
    assert take_bells() == []
    assert swept() == []
    run.items.update(not_before=run.created_at)
    assert set(swept()) == {run.pk}
    work_on_run(run.pk)
    assert effects() == ["a"]


def test_an_end_that_nobody_wrote_down_is() -> None:
    """The last worker died between its last item and the end of the run."""
    run = expand_run(begin("swept").pk)
    take_bells()
    run.items.update(status="done")
    assert set(swept()) == {run.pk}
    work_on_run(run.pk)
    run.refresh_from_db()
    assert (run.status, counts(run), effects()) == ("succeeded", (3, 3, 0, 0), [])


def test_a_worker_whose_time_is_over_rings_for_the_next() -> None:
    run = begin("swept")
    take_bells()
    assert not work(run.pk, seconds=0)
    assert set(swept()) == {run.pk}


def test_a_cancelled_run_of_a_dead_worker_is_brought_to_its_end() -> None:
    run = expand_run(begin("swept").pk)
    take_bells()
    claim(run, 1)
    cancel_run(run, None)
    assert swept() == []
    end_leases(run)
    assert set(swept()) == {run.pk}
    work_on_run(run.pk)
    run.refresh_from_db()
    assert (run.status, set(statuses(run).values()), effects()) == ("cancelled", {"cancelled"}, [])


def test_what_a_dead_worker_left_in_a_stopped_run_is_no_longer_shown_as_running(declare: Declare) -> None:
    @declare("stopped", title="Stopped", queue=queue_name(), batch_size=1)
    class Stopped(Job):
        def keys(self) -> Sequence[str]:
            return list("abc")

        def process(self, keys: Sequence[str], context: Context) -> None:
            raise Misconfigured("Broken.")

    run = expand_run(begin("stopped").pk)
    claim(run, 1)
    work(run.pk)
    take_bells()
    assert statuses(run)["a"] == "running"
    assert swept() == []
    assert statuses(run)["a"] == "running"
    end_leases(run)
    assert swept() == []
    assert set(statuses(run).values()) == {"pending"}


def test_a_job_that_nobody_declares_any_more_holds_up_no_other(declare: Declare) -> None:
    gone = begin("swept")
    JobRun.objects.filter(pk=gone.pk).update(job="gone")
    run = begin("swept")
    take_bells()
    assert registry.find_job("gone") is None
    assert set(swept()) == {run.pk}


def test_a_run_that_has_ended_is_not_rung_for() -> None:
    run_job("swept")
    take_bells()
    assert swept() == []
