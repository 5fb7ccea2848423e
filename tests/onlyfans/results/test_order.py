"""Whatever the order, and however often a file is told of: the newest stands, once."""

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from analytics.models import Event
from onlyfans.models import CreatorFigures, EarningsRevision, ResultFile, UnmatchedAggregate
from onlyfans.providers.notifications import StoredFile
from onlyfans.services.results import process_files, reading, take_files, take_notification
from onlyfans.services.results.consuming import poll_queue
from tests.factories.billing import make_creator, make_organization
from tests.onlyfans.results.runs import repair
from tests.onlyfans.results.shelf import Shelf, serving, stored_at
from tests.onlyfans.results.world import World, earnings, fans, look_at_earnings, look_at_figures
from tests.s3 import KEYS

pytestmark = pytest.mark.django_db
DOOR = ResultFile.Door.SQS
NEWER = {"tips": {"grossCents": 3000, "netCents": 2400}}


@pytest.fixture
def shelf(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A bucket that has no notifications of its own, with settings that name it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with serving() as made:
        settings.RESULTS_BUCKET, settings.RESULTS_ENDPOINT = "shelf", made.url
        settings.RESULTS_RETRY_BASE_SECONDS = 0
        yield made
    reading._bucket.cache_clear()


def stored(job: str, etag: str, sequencer: str = "") -> StoredFile:
    return StoredFile("shelf", f"jobs/{job}/result.json", etag, sequencer)


def put(shelf: Shelf, job: str, body: Any, seconds: int = 0) -> str:
    return shelf.put(job, json.dumps(body).encode(), **stored_at(seconds))


@pytest.mark.parametrize("seed", [4, 7])
@pytest.mark.parametrize("is_read_before", [True, False])
def test_five_times_shuffled_with_its_newer_version(world: World, is_read_before: bool, seed: int) -> None:
    """Whether the older one was read before there was a newer one, or neither was read when they are told of."""
    make_creator(make_organization(), onlyfans_user_id="ada")
    old = world.put("1", earnings())
    if is_read_before:
        _tell_and_read(world, world.envelope("1", old, "0A"))
        assert look_at_earnings() == {
            ("ada", "2026-10", "tips"): (1000, 800),
            ("ada", "2026-10", "messages"): (500, 400),
        }
    new = world.put("1", earnings(parts=NEWER))
    told = [world.envelope("1", old, "0A")] * 5 + [world.envelope("1", new, "0B")] * 5
    random.Random(seed).shuffle(told)
    for envelope in told:
        _tell_and_read(world, envelope)
    assert look_at_earnings() == {("ada", "2026-10", "tips"): (3000, 2400)}
    assert dict(ResultFile.objects.values_list("etag", "status")) == {old: "replaced", new: "done"}
    # Of what could be read: the older one is no longer in the bucket where it was not read before.
    versions = 2 if is_read_before else 1
    assert (Event.objects.count(), EarningsRevision.objects.count()) == (versions, versions)
    assert not process_files()


def _tell_and_read(world: World, envelope: dict[str, Any]) -> None:
    world.tell(json.dumps(envelope))
    poll_queue()
    process_files()


@pytest.mark.parametrize("is_read_between", [True, False])
def test_a_newer_version_is_not_taken_for_the_one_that_was_told_of(shelf: Shelf, is_read_between: bool) -> None:
    """Nobody tells of the newer one: it is found where the older one should stand."""
    old = put(shelf, "1", fans(count=1))
    take_files([stored("1", old, "0A")], DOOR)
    if is_read_between:
        process_files()
        assert look_at_figures()["ada", "fans"] == 1
    new = put(shelf, "1", fans(count=2), seconds=5)
    take_files([stored("1", old, "0A")], DOOR)
    ResultFile.objects.update(status="waiting")
    process_files()
    assert look_at_figures()["ada", "fans"] == 2
    assert dict(ResultFile.objects.values_list("etag", "status")) == {old: "replaced", new: "done"}


def test_the_same_bytes_stored_again_after_others(shelf: Shelf) -> None:
    """They have the ETag of the first version, and S3's order says that they are the newest."""
    first, second = fans(count=1), fans(count=2)
    for second_of_day, (body, sequencer) in enumerate([(first, "0A"), (second, "0B"), (first, "0C0"), (first, "0C")]):
        take_files([stored("1", put(shelf, "1", body, second_of_day), sequencer)], DOOR)
        process_files()
    assert look_at_figures()["ada", "fans"] == 1
    assert list(ResultFile.objects.order_by("id").values_list("status", "sequencer")) == [
        ("done", "0C0"),
        ("replaced", "0B"),
    ]
    assert Event.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_stored_again_and_nobody_told(world: World) -> None:
    for body in (fans(count=1), fans(count=2)):
        take_files([StoredFile(world.bucket, "jobs/1/result.json", world.put("1", body))], DOOR)
        process_files()
    assert look_at_figures()["ada", "fans"] == 2
    # The clock of moto's answers has no more than seconds.
    ResultFile.objects.update(written_at="2026-01-01T00:00:00Z")
    world.put("1", fans(count=1))
    assert repair()["missing"] == 1
    assert look_at_figures()["ada", "fans"] == 1
    assert repair()["missing"] == 0


def test_files_of_several_jobs_in_any_order(shelf: Shelf) -> None:
    """What was seen last stands, whichever file is read last; where one is replaced, the next of the others does."""
    bodies = {str(day): fans(count=day, observedAt=f"2026-10-0{day}T00:00:00Z") for day in (1, 2, 3)}
    files = [stored(job, put(shelf, job, body)) for job, body in bodies.items()]
    ends = []
    for order in permutations(files):
        _read_in(order)
        ends.append((look_at_figures(), CreatorFigures.objects.get(metric="fans").source))
    assert ends == [({("ada", "fans"): 3, ("ada", "fans_expired"): 7}, "s3://shelf/jobs/3/result.json")] * 6
    anew = put(shelf, "3", fans("bea", 9), seconds=9)
    take_files([stored("3", anew)], DOOR)
    process_files()
    assert {user: count for (user, metric), count in look_at_figures().items() if metric == "fans"} == {
        "ada": 2,
        "bea": 9,
    }


def _read_in(order: Sequence[StoredFile]) -> None:
    CreatorFigures.objects.all().delete()
    ResultFile.objects.all().delete()
    for file in order:
        take_files([file], DOOR)
        process_files()


@pytest.mark.django_db(transaction=True)
def test_a_version_that_is_overtaken_while_it_is_read(shelf: Shelf) -> None:
    body, newer = fans(count=1), fans(count=2)
    old = put(shelf, "1", body)
    take_files([stored("1", old, "0A")], DOOR)

    def overtake(handler: Any) -> None:
        """Let a new version be stored, read and written, and only then answer with the old one."""
        del shelf.hooks["jobs/1/result.json"]
        new = put(shelf, "1", newer, seconds=1)
        with closing(connection):
            take_files([stored("1", new, "0B")], DOOR)
            process_files()
        handler._say(200, json.dumps(body).encode(), {"ETag": f'"{old}"', **stored_at()})

    shelf.hooks["jobs/1/result.json"] = overtake
    process_files()
    assert look_at_figures()["ada", "fans"] == 2
    assert list(ResultFile.objects.order_by("id").values_list("status", flat=True)) == ["replaced", "done"]


def test_an_unknown_creator_loses_nothing(shelf: Shelf) -> None:
    for job, body in {"1": earnings("new"), "2": fans("new")}.items():
        take_files([stored(job, put(shelf, job, body))], DOOR)
    process_files()
    assert look_at_figures()["new", "fans"] == 120
    assert look_at_earnings() == {}
    assert ResultFile.objects.get(job_id="1").brought == {"events": 1, "figures": 0, "aggregates": {"unmatched": 1}}
    kept = UnmatchedAggregate.objects.get()
    assert (kept.onlyfans_user_id, kept.gross_cents, kept.key) == ("new", 1500, "jobs/1/result.json")


def test_a_notification_that_can_be_read_one_day(world: World) -> None:
    """What a retry of a kept notification tells of is taken in."""
    etag = world.put("1", fans())
    text = json.dumps(world.envelope("1", etag))
    ResultFile.objects.create(key="digest", door=DOOR, message=text)
    ResultFile.objects.create(key="other", door=DOOR, message="no json")
    process_files()
    assert list(ResultFile.objects.order_by("id").values_list("status", "job_id")) == [
        ("done", ""),
        ("dead", ""),
        ("done", "1"),
    ]
    assert take_notification(text, DOOR).ids == ()
