"""What is done for the installation as a whole, outside of any run."""

import logging
from functools import cache

from celery import shared_task
from django.conf import settings

from common.errors import OutcomeUnknown, Retryable
from jobs.models import JobRun
from jobs.providers.cloudwatch import CloudWatch, RunResult
from jobs.services.reporting import claim_unreported_runs, release_unreported_runs

logger = logging.getLogger(__name__)
REPORT_TASK = "huntaze.report_runs"
# As many as fit into one call.
_RUNS_AT_ONCE = 150


@shared_task(name=REPORT_TASK)
def report_runs() -> int:
    """Tell CloudWatch how runs ended, each once at most; return how many. Nothing waits for it, nothing fails by it.

    What was refused is sent again later, for some hours. What may have been taken is not: a figure that is missing
    misleads less than one that counts double.
    """
    if not settings.CLOUDWATCH_NAMESPACE or not (runs := claim_unreported_runs(_RUNS_AT_ONCE)):
        return 0
    try:
        _cloudwatch(
            settings.CLOUDWATCH_NAMESPACE, settings.CLOUDWATCH_REGION, settings.CLOUDWATCH_ENDPOINT
        ).put_results([_result(run) for run in runs])
    except Retryable as error:
        release_unreported_runs(runs)
        logger.warning("%s %s results wait", error.message, len(runs))
        return 0
    except OutcomeUnknown as error:
        logger.warning("%s %s results may be missing", error.message, len(runs))
    return len(runs)


@cache
def _cloudwatch(namespace: str, region: str, endpoint: str) -> CloudWatch:
    return CloudWatch(namespace, region, endpoint)


def _result(run: JobRun) -> RunResult:
    if run.finished_at is None or run.duration is None:
        raise ValueError(f"{run} has not ended")
    return RunResult(
        run.job,
        run.status,
        run.finished_at,
        run.duration.total_seconds(),
        run.done,
        run.skipped,
        run.failed,
        run.missing,
    )
