"""What the cron API takes and answers."""

from functools import cache
from typing import Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from common.api.models import Answer, ApiModel, Instant, one_of
from jobs.models import JobRun
from jobs.registry import JobParams

_OUTSIDE = ConfigDict(alias_generator=to_camel, populate_by_name=True)


@cache
def outside_params(params: type[JobParams]) -> type[JobParams]:
    """Make a job's parameters as the API takes them: in camelCase or as the job declares them, otherwise the same."""
    owner = params.__qualname__.rpartition(".")[0].rpartition(".")[2]
    members = {"model_config": _OUTSIDE, "__doc__": params.__doc__, "__module__": params.__module__}
    made: type[JobParams] = type(f"{owner}Params", (params,), members)
    return made


class StartedAnswer(Answer):
    """A run that was started, or the one that there is already."""

    run_id: int
    job: str
    status: str = one_of(JobRun.Status)
    status_url: str


class RunError(ApiModel):
    """What went wrong: at which item and step, both empty where it concerns all of the run."""

    item: str
    step: str
    message: str


class RunAnswer(StartedAnswer):
    """How a run stands: `success` is false once something of it failed or it was cancelled."""

    dry_run: bool
    params: dict[str, Any]
    expected: int
    done: int
    skipped: int
    failed: int
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    summary: dict[str, Any]
    errors: tuple[RunError, ...] = Field(description="The run's own error and the first hundred of its items.")
