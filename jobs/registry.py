"""What a job is, and which jobs there are.

An app declares its jobs in `jobs.py`; its `ready()` imports that module, which fills this registry.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from jobs.engine.context import Context
    from jobs.models import JobRun

Overlap = Literal["forbid", "allow"]
CatchUp = Literal["once", "all", "none"]


class JobParams(BaseModel):
    """What can be asked of a job: one definition for the command line, the admin form and the HTTP body."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


@dataclass(frozen=True)
class Step:
    """One step of a job.

    `run` is called with keys and the context. A set-based step gets the whole batch and is halved on an error;
    with `atomic` it runs in one transaction in which the lease is held. With `each` it is called one key at a
    time, several at once in threads. Steps that call outside are left out of a dry run by `dry_run=False`.
    """

    name: str
    run: Callable[[Sequence[str], Context], None]
    atomic: bool = False
    each: bool = False
    dry_run: bool = True


@dataclass(frozen=True)
class Column:
    """One column of a run's table of items: what to show of an item's result, as text for people."""

    header: str
    show: Callable[[dict[str, Any]], str]
    numeric: bool = False


class Job:
    """The base of every job; a subclass says what is expected and how a batch of it is done."""

    name: ClassVar[str]
    title: ClassVar[str]
    schedule: ClassVar[str]
    more_schedules: ClassVar[Mapping[str, str]]
    catch_up: ClassVar[CatchUp]
    overlap: ClassVar[Overlap]
    queue: ClassVar[str]
    permission: ClassVar[str]
    moves_money: ClassVar[bool]
    batch_size: ClassVar[int]
    http: ClassVar[bool]
    http_wait: ClassVar[int]
    columns: ClassVar[tuple[Column, ...]] = ()
    # What becomes of the work while the job is paused, where the schedule's own rule does not say all.
    about_pause: ClassVar[str] = ""
    # In which order a summary's figures are shown: JSON in the database keeps none.
    summary_order: ClassVar[tuple[str, ...]] = ()
    # What people call a figure whose name in JSON says something else.
    summary_titles: ClassVar[Mapping[str, str]] = {}

    class Params(JobParams):
        """A job without parameters."""

    def __init__(self, params: JobParams) -> None:
        self.params: Any = params

    def check(self) -> dict[str, str]:
        """Return what is wrong with the parameters beyond their form, by field; asked before a run is written."""
        return {}

    @classmethod
    def scheduled(cls, slot_at: dt.datetime) -> dict[str, Any]:
        """Return what a schedule asks for at a due time, which may have passed long ago when it is caught up.

        The time is in the schedule's own zone, so that its day is that of whoever chose it.
        """
        return {}

    @classmethod
    def describe_slot(cls, slot_at: dt.datetime) -> str:
        """Say in words what is asked for at a due time; empty where it is the same at each."""
        return ""

    @classmethod
    def check_slot(cls, slot_at: dt.datetime) -> str:
        """Say what keeps the job from being started at a due time, in its schedule's zone; empty if nothing does."""
        return ""

    def is_whole(self) -> bool:
        """Return whether everything is asked for, so that the run counts as the job's and not as a part of it."""
        fields = type(self.params).model_fields.items()
        return all(getattr(self.params, name) == field.default for name, field in fields if not field.default_factory)

    def needs_reason(self) -> bool:
        """Return whether somebody must say why before this is started."""
        return False

    def previews_first(self) -> bool:
        """Return whether somebody must look at a preview before starting this in the admin."""
        return False

    def keys(self) -> Iterable[str]:
        """Say what is expected: one key an item, each once."""
        raise NotImplementedError

    def keys_at(self, moment: dt.datetime) -> Iterable[str]:
        """Say what was expected at a moment, as far as it can be told: a rerun of what is missing from then asks."""
        return self.keys()

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Do a batch; called again for halves of it when it raises."""
        raise NotImplementedError

    def steps(self) -> Sequence[Step]:
        """List the steps; a job without several has one, `process`."""
        return (Step("process", self.process),)

    def overlap_scope(self) -> str:
        """Name what two runs of the job must not do at the same time, where overlap is forbidden."""
        return ""

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Return what a person wants to read afterwards, as JSON; called once, when the run has ended."""
        return {}

    def finish(self, run: JobRun) -> None:
        """Do what follows the end of a run, at most once."""

    @classmethod
    def names(cls, keys: Sequence[str]) -> dict[str, str]:
        """Return what people call the things that keys stand for, where they call them otherwise."""
        return {}

    @classmethod
    def link(cls, key: str, result: dict[str, Any]) -> tuple[str, str] | None:
        """Return the label and the admin address of what an item worked on."""
        return None


_JOBS: dict[str, type[Job]] = {}


def job[J: Job](
    name: str,
    *,
    title: str,
    schedule: str = "",
    more_schedules: Mapping[str, str] | None = None,
    catch_up: CatchUp = "once",
    overlap: Overlap = "allow",
    queue: str = "default",
    permission: str = "jobs.start_jobrun",
    moves_money: bool = False,
    batch_size: int = 100,
    http: bool = False,
    http_wait: int = 0,
) -> Callable[[type[J]], type[J]]:
    """Declare a job: `schedule` is a five-field cron expression in UTC, empty for none.

    With `http`, schedulers start it at `/api/cron/<name>`; they wait `http_wait` seconds for its end unless they say
    otherwise.
    `more_schedules` are further ones by a name of their own. `catch_up` says what becomes of due times that passed
    while nothing could start: the last one is started (once), each of them (all), or none.
    """

    def register(cls: type[J]) -> type[J]:
        if name in _JOBS and _JOBS[name].__qualname__ != cls.__qualname__:
            raise ValueError(f"Two jobs are named {name}")
        cls.name, cls.title, cls.schedule, cls.overlap, cls.queue = name, title, schedule, overlap, queue
        cls.more_schedules, cls.catch_up = more_schedules or {}, catch_up
        cls.permission, cls.moves_money, cls.batch_size = permission, moves_money, batch_size
        cls.http, cls.http_wait = http, http_wait
        _JOBS[name] = cls
        return cls

    return register


class UnknownJob(LookupError):
    """Nobody declares a job of that name."""


def find_job(name: str) -> type[Job] | None:
    """Find a job's declaration; None where nobody declares it."""
    return _JOBS.get(name)


def get_job(name: str) -> type[Job]:
    """Find a job's declaration; UnknownJob where nobody declares it."""
    if name not in _JOBS:
        raise UnknownJob(f"There is no job “{name}”. There are: {', '.join(sorted(_JOBS))}.")
    return _JOBS[name]


def list_jobs() -> Iterator[type[Job]]:
    """Go through the declared jobs by name."""
    for name in sorted(_JOBS):
        yield _JOBS[name]
