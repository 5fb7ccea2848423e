"""Parameters: one definition makes the check, the flags and the schema; what is wrong is said field by field."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import AwareDatetime, Field

from common.clock import Month
from jobs.management.commands.run_job import read_flags
from jobs.models import JobRun
from jobs.registry import Job, JobParams
from jobs.services import InvalidParams, read_params, start
from tests.jobs.conftest import Declare


@pytest.fixture
def job(declare: Declare) -> type[Job]:
    @declare("asking", title="Asking")
    class Asking(Job):
        class Params(JobParams):
            month: Month = Field(Month(2026, 1), description="Which month.")
            count_of: int = Field(1, ge=1, le=9, description="How many.")
            words: tuple[str, ...] = Field((), description="Which words.")
            since: AwareDatetime | None = Field(None, description="Since when.")
            loud: bool = Field(False, description="Whether to shout, by 50 % or more.")

        def check(self) -> dict[str, str]:
            return {"words": "“never” is never said."} if "never" in self.params.words else {}

        def keys(self) -> Sequence[str]:
            return []

    return Asking


def flags(job: type[Job], *given: str) -> dict[str, Any]:
    _, values = read_flags(job, {"wait": False, "workers": 1, "reason": "", "params": list(given)})
    return values


def test_flags_come_from_the_definition(job: type[Job]) -> None:
    given = ["--month", "2026-10", "--count-of", "3", "--words", "a", "--words", "b", "--since", "2026-10-01T00:00Z"]
    params: Any = read_params(job, flags(job, *given, "--loud"))
    assert (params.month, params.count_of, params.words, params.loud) == (Month(2026, 10), 3, ("a", "b"), True)
    assert params.since == dt.datetime(2026, 10, 1, tzinfo=dt.UTC)


def test_what_is_not_given_is_left_to_the_definition(job: type[Job]) -> None:
    assert flags(job) == {}
    assert flags(job, "--no-loud") == {"loud": False}
    assert read_params(job, {}) == job.Params()


def test_the_command_keeps_its_own_flags(job: type[Job]) -> None:
    given = ["--wait", "--count-of", "2", "--reason", "why", "--workers=3"]
    own, values = read_flags(job, {"wait": False, "workers": 1, "reason": "", "params": given})
    assert (own.wait, own.workers, own.reason, values) == (True, 3, "why", {"count_of": "2"})


def test_help_explains_every_flag(job: type[Job], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags(job, "--help")
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    for text in ("--month MONTH Which month.", "--loud, --no-loud Whether to shout, by 50 % or more."):
        assert text in said


@pytest.mark.parametrize(
    "given",
    [["--nonsense", "1"], ["--month"], ["word"], ["--workers", "two"], ["--mon", "2026-10"]],
    ids=" ".join,
)
def test_wrong_usage_is_one_line_and_status_two(
    job: type[Job], given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        flags(job, *given)
    written = capsys.readouterr()
    assert (ended.value.code, written.out) == (2, "")
    assert written.err.startswith("manage.py run_job asking: error: ")
    assert written.err.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"month": "2026-13"}, "month", "“2026-13” is not a month: write it as year and month, like 2026-10."),
        ({"month": 7}, "month", "Give a text."),
        ({"count_of": 0}, "count_of", "Give at least 1."),
        ({"count_of": "many"}, "count_of", "Give a whole number."),
        ({"words": "word"}, "words", "Give a list."),
        ({"since": "2026-10-01T00:00:00"}, "since", "Give an instant with its time zone, like 2026-10-01T02:00:00Z."),
        ({"loud": "perhaps"}, "loud", "Give true or false."),
        ({"nonsense": 1}, "nonsense", "There is no such field."),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_value_is_named_by_its_field(job: type[Job], given: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_params(job, given)
    assert refused.value.errors == {field: said}
    assert str(refused.value) == f"{field}: {said}"


def test_all_wrong_values_are_named_at_once(job: type[Job]) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_params(job, {"month": "October", "count_of": 10, "words": [1]})
    assert set(refused.value.errors) == {"month", "count_of", "words"}


@pytest.mark.django_db
def test_what_the_job_itself_refuses_starts_nothing(job: type[Job]) -> None:
    with pytest.raises(InvalidParams) as refused:
        start(job, read_params(job, {"words": ["never"]}), JobRun.Trigger.COMMAND)
    assert refused.value.errors == {"words": "“never” is never said."}
    assert not JobRun.objects.exists()


@pytest.mark.django_db
def test_what_was_asked_is_kept_as_it_can_be_read_again(job: type[Job]) -> None:
    given = {"month": "2026-10", "words": ["a"], "since": "2026-10-01T02:00:00+02:00"}
    run, _ = start(job, read_params(job, given), JobRun.Trigger.COMMAND)
    run.refresh_from_db()
    assert run.params["month"] == "2026-10"
    assert read_params(job, run.params) == read_params(job, given)
