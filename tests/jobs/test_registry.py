"""The registry: what is declared can be found, by its one name."""

from collections.abc import Sequence

import pytest

from jobs.engine.context import Context
from jobs.registry import Job, UnknownJob, find_job, get_job, list_jobs
from tests.jobs.conftest import Declare


def test_a_declared_job_is_found_by_its_name(declare: Declare) -> None:
    @declare("found", title="Found", schedule="5 4 * * *", overlap="forbid", queue="email", batch_size=7)
    class Found(Job):
        def process(self, keys: Sequence[str], context: Context) -> None:
            """Do nothing."""

    assert get_job("found") is find_job("found") is Found
    assert (Found.name, Found.title, Found.schedule, Found.overlap) == ("found", "Found", "5 4 * * *", "forbid")
    assert (Found.queue, Found.batch_size, Found.moves_money) == ("email", 7, False)
    assert Found.permission == "jobs.start_jobrun"
    assert [step.name for step in Found(Found.Params()).steps()] == ["process"]


def test_a_name_belongs_to_one_job(declare: Declare) -> None:
    @declare("mine", title="Mine")
    class Mine(Job):
        pass

    with pytest.raises(ValueError, match="Two jobs are named mine"):

        @declare("mine", title="Theirs")
        class Theirs(Job):
            pass

    assert get_job("mine") is Mine
    # A module that is imported again declares the same job again.
    assert declare("mine", title="Mine")(Mine) is Mine


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    assert find_job("nonsense") is None
    with pytest.raises(UnknownJob, match=r"There is no job “nonsense”\. There are: .*hourly-usage, .*monthly-billing"):
        get_job("nonsense")


def test_jobs_are_listed_by_name() -> None:
    names = [job.name for job in list_jobs()]
    assert names == sorted(names)
    assert {"billing-summary", "deliver-invoices", "hourly-usage", "monthly-billing"} <= set(names)


@pytest.mark.parametrize("job", list(list_jobs()), ids=lambda job: job.name)
def test_every_job_of_ours_says_what_it_is(job: type[Job]) -> None:
    assert job.title and job.__doc__
    assert job.permission.count(".") == 1
    schema = job.Params.model_json_schema()
    assert schema["additionalProperties"] is False
    for name, field in schema.get("properties", {}).items():
        assert field.get("description"), f"{job.name}: nobody says what {name} is"
