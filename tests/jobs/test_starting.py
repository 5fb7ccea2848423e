"""Starting: one row a start, however often it is asked for, and a bell after the commit."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from jobs.models import JobRun
from jobs.registry import Job, JobParams, get_job
from jobs.services import read_params, start
from jobs.services.placing import place_run
from tests.jobs.conftest import Declare

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def jobs(declare: Declare) -> None:
    """Two jobs: one that may overlap, and one that may not within its scope."""

    @declare("free", title="Free")
    class Free(Job):
        def keys(self) -> Sequence[str]:
            return []

    @declare("single", title="Single", overlap="forbid")
    class Single(Job):
        class Params(JobParams):
            scope: str = ""
            dry_run: bool = False

        def overlap_scope(self) -> str:
            return str(self.params.scope)

        def keys(self) -> Sequence[str]:
            return []


def begin(name: str, params: dict[str, Any] | None = None, **options: Any) -> tuple[JobRun, bool]:
    job = get_job(name)
    return start(job, read_params(job, params or {}), options.pop("trigger", JobRun.Trigger.COMMAND), **options)


def test_writes_who_asked_what_and_why() -> None:
    person = User.objects.create(email="ops@example.test")
    run, created = begin("single", {"scope": "x"}, trigger="admin", actor=person, reason="Because.")
    run = JobRun.objects.get(pk=run.pk)
    assert created
    assert (run.job, run.params) == ("single", {"scope": "x", "dry_run": False})
    assert (run.status, run.trigger, run.actor, run.reason) == ("queued", "admin", person, "Because.")
    assert (run.slot, run.parent, run.mode, run.dry_run, run.started_at) == (None, None, "", False, None)
    assert str(run) == f"Single #{run.pk}"


def test_the_database_writes_a_run_with_all_its_columns() -> None:
    """Whoever adds a column to the runs must add it to the function that writes them, too."""
    moment = dt.datetime(2026, 10, 31, 23, 59, 58, 123456, tzinfo=dt.UTC)
    person = User.objects.create(email="ops@example.test")
    parent, _ = begin("free")
    fields = [field for field in JobRun._meta.concrete_fields if not field.primary_key]
    given: dict[str, Any] = {"actor": person, "cancelled_by": person, "parent": parent, "params": {"a": [1]}}
    for place, field in enumerate(fields, start=2):
        if not field.is_relation and field.name not in given:
            kinds = {"DateTimeField": moment, "BooleanField": True, "JSONField": {"b": "c"}, "CharField": f"x{place}"}
            kinds |= {"TextField": f"x{place}", "PositiveIntegerField": place}
            given[field.name] = kinds[field.get_internal_type()]
    run = JobRun(**given)
    assert place_run(run, None)
    written = JobRun.objects.get(pk=run.pk)
    assert {field.name: getattr(written, field.name) for field in fields} == given


def test_a_slot_is_taken_once() -> None:
    first, created = begin("free", slot="2026-10")
    assert created
    assert begin("free", slot="2026-10") == (first, False)
    JobRun.objects.update(status="succeeded")
    assert begin("free", slot="2026-10") == (first, False)
    assert JobRun.objects.count() == 1


def test_a_slot_is_a_jobs_own() -> None:
    runs = {begin("free", slot="a")[0], begin("free", slot="b")[0], begin("single", slot="a")[0], begin("free")[0]}
    assert len(runs) == 4


def test_without_a_slot_every_start_is_one() -> None:
    assert begin("free")[0] != begin("free")[0]


def test_a_run_under_way_is_given_back_where_overlap_is_forbidden() -> None:
    first, _ = begin("single")
    assert begin("single", reason="Again.") == (first, False)
    JobRun.objects.update(status="running")
    assert begin("single") == (first, False)
    assert JobRun.objects.count() == 1


@pytest.mark.parametrize("ended", ["succeeded", "partial", "failed", "cancelled", "nothing_to_do"])
def test_the_place_is_free_once_it_has_ended(ended: str) -> None:
    first, _ = begin("single")
    JobRun.objects.update(status=ended)
    second, created = begin("single")
    assert created and second != first


def test_another_scope_may_run_beside_it() -> None:
    assert begin("single", {"scope": "a"})[0] != begin("single", {"scope": "b"})[0]
    assert not begin("single", {"scope": "a"})[1]


def test_a_dry_run_is_in_nobodys_way() -> None:
    real, _ = begin("single")
    first, created = begin("single", {"dry_run": True})
    assert created and first.dry_run
    assert begin("single", {"dry_run": True})[1]
    assert begin("single") == (real, False)


def test_the_run_that_has_the_slot_is_given_back_before_one_that_is_in_the_way() -> None:
    with_slot, _ = begin("single", slot="s")
    JobRun.objects.update(status="succeeded")
    begin("single")
    assert begin("single", slot="s") == (with_slot, False)


def test_what_else_the_database_refuses_is_no_run_of_somebody_else(settings: Any) -> None:
    JobRun.objects.create(job="free", trigger="command", slot="s")
    with pytest.raises(IntegrityError), transaction.atomic():
        start(get_job("free"), read_params(get_job("free"), {}), None)  # type: ignore[arg-type]  # what is tested


def test_rings_after_the_commit_alone(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as bells:
        begin("free", slot="a")
        begin("free", slot="a")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            begin("free", slot="b")
            raise ZeroDivisionError
    assert len(bells) == 1
    assert JobRun.objects.get().slot == "a"
