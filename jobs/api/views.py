"""The doors for schedulers: start a job, look at a run."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.authentication import CronSecret
from common.api.errors import ApiError, refuse_fields
from common.api.models import read_model
from common.api.views import ApiView
from common.clock import clock_set_to, now
from jobs.api.announcing import announcer
from jobs.api.deliveries import Delivery, read_delivery
from jobs.api.models import RunAnswer, RunError, StartedAnswer, outside_params
from jobs.api.waiting import wait_for_end
from jobs.models import JobRun
from jobs.registry import Job, JobParams, find_job
from jobs.selectors import list_failed_items
from jobs.services import InvalidParams, start

_MOST_ERRORS = 100
_CLOCKS_DIFFER_BY = dt.timedelta(minutes=1)
_READING_TAKES = dt.timedelta(seconds=5)
# Reissuing what customers have, or billing months long past, is somebody's decision; a machine has no reason to give.
_NEEDS_A_PERSON = "This takes a person's reason: start it in the admin, or on the command line with --reason."


class CronView(ApiView):
    """Starts any job that is declared with an HTTP name; GET does the same as POST, for Vercel sends nothing else."""

    authentication_classes = [CronSecret]

    @extend_schema(request=None, responses={200: RunAnswer, 202: StartedAnswer}, tags=["cron"])
    def post(self, request: Request, name: str) -> Response:
        """Start the job: 202, or 200 with the run that this delivery started before or that is under way."""
        job = find_job(name)
        if job is None or not job.http:
            raise ApiError(404, "There is no job of that name to be started here.")
        params_class = outside_params(job.Params)
        body = request.data if isinstance(request.data, dict) else {"body": request.data}
        delivery = read_delivery(params_class, request.query_params, body, request.headers)
        if delivery.planned_at and delivery.planned_at > now() + _CLOCKS_DIFFER_BY:
            raise refuse_fields({"time": ["This is still to come: what is planned for it is started then."]})
        # However late a delivery comes, it asks for what was due when it was planned.
        planned = job.scheduled(delivery.planned_at) if delivery.planned_at else {}
        params = params_class.model_validate(planned) if planned else read_model(params_class, delivery.values)
        run, created = _start(job, params, delivery)
        seconds = job.http_wait if delivery.wait is None else delivery.wait
        if seconds and wait_for_end(run, seconds):
            return self.answer(describe_run(run))
        return self.answer(_describe_start(run), status=202 if created else 200)

    get = post


class RunView(ApiView):
    """How a run stands."""

    authentication_classes = [CronSecret]

    @extend_schema(operation_id="cron_run", summary="Ask how a run stands", responses=RunAnswer, tags=["cron"])
    def get(self, request: Request, run_id: int) -> Response:
        """Answer for runs of jobs that can be started here."""
        run = JobRun.objects.filter(pk=run_id).first()
        if run is None or run.declaration is None or not run.declaration.http:
            raise ApiError(404, "There is no such run.")
        return self.answer(describe_run(run))


def _start(job: type[Job], params: Any, delivery: Delivery) -> tuple[JobRun, bool]:
    if job(params).needs_reason():
        raise ApiError(400, _NEEDS_A_PERSON, code="needs_a_person")
    try:
        run, created = start(
            job,
            params,
            JobRun.Trigger.HTTP,
            slot=delivery.slot,
            keeps_answer=delivery.has_own_slot,
            announce=announcer.announce_later,
        )
    except InvalidParams as error:
        raise refuse_fields({_as_spelled(job, name, delivery): [said] for name, said in error.errors.items()}) from None
    if not created and delivery.slot is not None and run.slot == delivery.slot:
        _refuse_another_question(job, run, params, delivery)
    return run, created


def _as_spelled(job: type[Job], name: str, delivery: Delivery) -> str:
    field = outside_params(job.Params).model_fields.get(name)
    return name if field is None or name in delivery.values else field.alias or name


def _refuse_another_question(job: type[Job], run: JobRun, params: JobParams, delivery: Delivery) -> None:
    """Refuse a known delivery that asks for something else: neither answer would be what the caller wants.

    What is left out stands for what held without it when the run was started.
    """
    asked = params.model_dump(mode="json")
    held = list(_list_defaults(type(params), params, run))
    other = [
        name
        for name, value in asked.items()
        if name in run.params
        and not any(_is_same(run.params[name], said) for said in (value, *(then[name] for then in held)))
    ]
    if other:
        said = [f"Run {run.pk} was started by this delivery with another value."]
        raise refuse_fields({_as_spelled(job, name, delivery): said for name in other})


def _list_defaults(kind: type[JobParams], params: JobParams, run: JobRun) -> Iterator[dict[str, Any]]:
    """Return what a question came to when its run was started: the month before, say, was another one then.

    A moment before, too: the run was written a little after the question was read.
    """
    given = {name: getattr(params, name) for name in params.model_fields_set}
    for moment in (run.created_at, run.created_at - _READING_TAKES):
        with clock_set_to(moment):
            yield kind.model_validate(given, by_name=True).model_dump(mode="json")


def _is_same(kept: Any, asked: Any) -> bool:
    """Compare two values; of two instants a moment apart, both are the moment at which somebody asked."""
    if kept == asked:
        return True
    try:
        return abs(dt.datetime.fromisoformat(kept) - dt.datetime.fromisoformat(asked)) <= _READING_TAKES
    except (TypeError, ValueError):
        return False


def _describe_start(run: JobRun) -> StartedAnswer:
    return StartedAnswer(run_id=run.pk, job=run.job, status=run.status, status_url=_status_url(run))


def _status_url(run: JobRun) -> str:
    return f"{settings.BASE_URL}/api/cron/runs/{run.pk}"


def describe_run(run: JobRun) -> RunAnswer:
    """Describe a run as it stands."""
    errors = [RunError(item="", step="", message=run.error)] if run.error else []
    for item in list_failed_items(run)[:_MOST_ERRORS]:
        errors.append(RunError(item=item.key, step=item.step, message=item.error))
    good = not errors and run.status not in {JobRun.Status.PARTIAL, JobRun.Status.FAILED, JobRun.Status.CANCELLED}
    return RunAnswer(
        success=good,
        run_id=run.pk,
        job=run.job,
        status=run.status,
        status_url=_status_url(run),
        dry_run=run.dry_run,
        params=run.params,
        expected=run.expected,
        done=run.done,
        skipped=run.skipped,
        failed=run.failed,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        summary=run.summary,
        errors=tuple(errors),
    )
