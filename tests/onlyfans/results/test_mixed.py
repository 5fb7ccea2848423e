"""Notifications of several records of which some can't be read: the others are taken in, and each of those is seen."""

import json
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from onlyfans.models import ResultFile
from onlyfans.services.results import process_files, retry_files
from onlyfans.services.results.consuming import poll_queue
from tests.onlyfans.results.test_doors import SECRET, post, record
from tests.onlyfans.results.world import World, fans, look_at_figures

pytestmark = pytest.mark.django_db
FOREIGN = {"eventSource": "aws:sns", "Sns": {"Message": "x", "Amount": 1.5}}


@pytest.fixture
def machine(settings: Settings) -> None:
    settings.EVENTBRIDGE_API_KEYS = (SECRET,)


def nameless(world: World) -> dict[str, Any]:
    """A storing whose key is none."""
    found = record(world, "x", "9")
    found["s3"]["object"]["key"] = "jobs/%FF%FE/result.json"
    return found


def mixed(world: World) -> dict[str, Any]:
    """Two good records, two bad ones, and one that tells of no storing."""
    gone = record(world, "jobs/3/result.json", "3", eventName="ObjectRemoved:Delete")
    etags = [world.put(job, fans(f"user-{job}")) for job in "12"]
    good = [record(world, f"jobs/{job}/result.json", etag) for job, etag in zip("12", etags, strict=True)]
    return {"Records": [good[0], FOREIGN, gone, nameless(world), good[1]]}


def look_at_dead_letters() -> list[tuple[str, Any]]:
    rows = ResultFile.objects.filter(bucket="", status="dead").order_by("error")
    return [(row.error, json.loads(row.message)) for row in rows]


def expected(world: World) -> list[tuple[str, Any]]:
    return [
        ("A record in it is not S3's.", {"Records": [FOREIGN]}),
        ("Its “key” is not a key that S3 could have.", {"Records": [nameless(world)]}),
    ]


@pytest.mark.parametrize("is_wrapped", [False, True], ids=["by S3", "by SNS"])
def test_the_good_records_of_a_message_are_taken_in(world: World, is_wrapped: bool) -> None:
    body = json.dumps(mixed(world))
    for _ in range(3):
        world.tell(json.dumps({"Type": "Notification", "Message": body}) if is_wrapped else body)
    assert poll_queue() == 3
    assert world.count_messages() == 0
    assert look_at_dead_letters() == expected(world)
    process_files()
    files = ResultFile.objects.exclude(bucket="").order_by("job_id")
    assert list(files.values_list("job_id", "status", "door")) == [("1", "done", "sqs"), ("2", "done", "sqs")]
    assert {key: value for key, value in look_at_figures().items() if key[1] == "fans"} == {
        ("user-1", "fans"): 120,
        ("user-2", "fans"): 120,
    }
    assert ResultFile.objects.count() == 4
    assert not process_files()


def test_eventbridge_s_door_says_how_many_were_kept(world: World, machine: None) -> None:
    answer = post(mixed(world))
    assert answer.status_code == 202
    assert {name: answer.json()[name] for name in ("found", "new", "unreadable")} == {
        "found": 2, "new": 2, "unreadable": 2,
    }  # fmt: skip
    assert look_at_dead_letters() == expected(world)
    assert set(ResultFile.objects.filter(bucket="").values_list("door", flat=True)) == {"http"}
    again = post(mixed(world)).json()
    assert (again["found"], again["unreadable"], ResultFile.objects.count()) == (2, 2, 4)


def test_where_no_record_is_good_the_caller_hears_it_and_the_message_is_kept_whole(world: World, machine: None) -> None:
    bad = {"Records": [FOREIGN, nameless(world)]}
    answer = post(bad)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "not_a_notification")
    assert not ResultFile.objects.exists()
    world.tell(json.dumps(bad))
    assert poll_queue() == 1
    assert look_at_dead_letters() == [("A record in it is not S3's.", bad)]


def test_beyond_a_few_they_are_kept_together(world: World) -> None:
    foreign = [{**FOREIGN, "number": number} for number in range(1_000)]
    world.tell(json.dumps({"Records": [*foreign, record(world, "jobs/1/result.json", "1")]}))
    assert poll_queue() == 1
    dead = ResultFile.objects.filter(bucket="", status="dead")
    assert dead.count() == 20
    assert dead.filter(error="A record in it is not S3's.").count() == 19
    together = dead.get(error="981 records in it: A record in it is not S3's.")
    assert together.message.startswith(json.dumps({"Records": [foreign[19]]})[:-2])
    assert ResultFile.objects.get(job_id="1").status == "waiting"


def test_a_record_that_nests_too_deeply_is_told_of(world: World) -> None:
    deep = '{"eventSource": "x", "a": ' + "[" * 900 + "]" * 900 + "}"
    good = json.dumps(record(world, "jobs/1/result.json", "1"))
    world.tell(f'{{"Records": [{deep}, {good}]}}')
    assert poll_queue() == 1
    assert ResultFile.objects.filter(bucket="", status="dead").count() == 1
    assert ResultFile.objects.get(job_id="1").status == "waiting"


def test_reading_a_bad_record_again_ends_where_it_was(world: World) -> None:
    world.tell(json.dumps(mixed(world)))
    poll_queue()
    process_files()
    dead = ResultFile.objects.filter(bucket="")
    actor = User.objects.create_user("somebody@example.test", "a long password")
    assert retry_files(dead.values_list("pk", flat=True), actor=actor, reason="to see") == 2
    process_files()
    assert look_at_dead_letters() == expected(world)
    assert ResultFile.objects.count() == 4


def test_of_a_message_that_was_kept_whole_the_good_records_are_found(world: World) -> None:
    ResultFile.objects.create(key="digest", door=ResultFile.Door.SQS, message=json.dumps(mixed(world)))
    process_files()
    kept = ResultFile.objects.get(key="digest")
    assert (kept.status, kept.error) == ("dead", "A record in it is not S3's.")
    assert list(ResultFile.objects.exclude(bucket="").order_by("job_id").values_list("job_id", "status")) == [
        ("1", "done"),
        ("2", "done"),
    ]
