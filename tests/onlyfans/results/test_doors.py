"""Three doors, and the same rows behind each."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from django.test import Client
from pytest_django import Settings

from analytics.models import Event
from common.errors import Misconfigured
from onlyfans.models import ResultFile
from onlyfans.services.results import process_files
from onlyfans.services.results.consuming import poll_queue
from tests.factories.billing import make_creator, make_organization
from tests.onlyfans.results.runs import repair
from tests.onlyfans.results.world import (
    World,
    describe,
    earnings,
    fans,
    look_at_earnings,
    look_at_figures,
    look_at_files,
)

pytestmark = pytest.mark.django_db
ADDRESS = "/api/ingest/of-results"
SECRET = "a-secret-of-eventbridge"
MESSAGES = {"messagesSent": 30, "messagesReceived": 22, "replies": 11}
PROFILE = {"username": "ada", "displayName": "Ada Л.", "posts": 5, "likes": 99, "subscribePriceCents": 999}
ALL = {
    "1": earnings(),
    "2": fans(),
    "3": describe("messages", "ada", MESSAGES),
    "4": describe("profile", "ada", PROFILE),
}
FIGURES = {
    ("ada", "fans"): 120,
    ("ada", "fans_expired"): 7,
    ("ada", "messages_sent"): 30,
    ("ada", "messages_received"): 22,
    ("ada", "replies"): 11,
    ("ada", "username"): "ada",
    ("ada", "display_name"): "Ada Л.",
    ("ada", "posts"): 5,
    ("ada", "likes"): 99,
    ("ada", "subscribe_price_cents"): 999,
}
EARNINGS = {("ada", "2026-10", "tips"): (1000, 800), ("ada", "2026-10", "messages"): (500, 400)}


def post(body: Any, secret: str = SECRET, **headers: str) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return Client().post(ADDRESS, text, content_type="application/json", headers={"x-api-key": secret, **headers})


@pytest.fixture
def machine(settings: Settings) -> None:
    settings.EVENTBRIDGE_API_KEYS = (SECRET,)


def look() -> tuple[Any, ...]:
    """What must be the same whichever door was taken."""
    events = Event.objects.order_by("name").values_list("name", "creator", "organization", "properties__job")
    return look_at_files(), look_at_figures(), look_at_earnings(), list(events)


def by_queue(world: World) -> None:
    world.notify()
    for job, body in ALL.items():
        world.put(job, body)
    world.put("1/other", b"{}")
    assert poll_queue() > 0
    assert world.count_messages() == 0


def by_eventbridge(world: World) -> None:
    for job, body in ALL.items():
        answer = post(world.envelope(job, world.put(job, body)))
        assert (answer.status_code, answer.json()["found"], answer.json()["new"]) == (202, 1, 1)


def by_listing(world: World) -> None:
    for job, body in ALL.items():
        world.put(job, body)
    world.s3.put_object(Bucket=world.bucket, Key="jobs/5/log.txt", Body=b"no result")
    world.s3.put_object(Bucket=world.bucket, Key="elsewhere/5/result.json", Body=b"{}")
    assert repair() == {"found": 4, "missing": 4, "done": 4, "rejected": 0, "waiting": 0}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bring", [by_queue, by_eventbridge, by_listing])
def test_every_door_ends_in_the_same_rows(world: World, machine: None, bring: Any) -> None:
    organization = make_organization()
    make_creator(organization, onlyfans_user_id="ada")
    bring(world)
    process_files()
    ResultFile.objects.filter(job_id="1/other").delete()
    files, figures, earned, events = look()
    assert files == [(job, "done", "ada") for job in "1234"]
    assert figures == FIGURES
    assert earned == EARNINGS
    names = ("onlyfans.earnings_seen", "1"), ("onlyfans.fans_counted", "2"), ("onlyfans.messages_counted", "3")
    assert events == [(name, "ada", organization.pk, job) for name, job in (*names, ("onlyfans.profile_seen", "4"))]
    assert not process_files()


def record(world: World, key: str, etag: str, **more: Any) -> dict[str, Any]:
    thing = {"key": quote_plus(key), "size": 9, "eTag": etag, "sequencer": "0A"}
    about = {"bucket": {"name": world.bucket}, "object": thing}
    return {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": about, **more}


def test_every_shape_in_the_queue_is_understood(world: World) -> None:
    key = "jobs/a job+ä/result.json"
    direct = {"Records": [record(world, key, "1")]}
    world.tell(json.dumps(direct))
    world.tell(json.dumps({"Type": "Notification", "Message": json.dumps({"Records": [record(world, key, "2")]})}))
    world.tell(json.dumps(world.envelope("a job+ä", "3")))
    world.tell(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": world.bucket}))
    world.tell(json.dumps({"Type": "Notification", "Message": json.dumps({"Event": "s3:TestEvent"})}))
    gone = record(world, key, "4", eventName="ObjectRemoved:Delete")
    world.tell(json.dumps({"Records": [gone, record(world, "jobs/b/log.txt", "5"), record(world, key, "6")]}))
    assert poll_queue() == 6
    assert list(ResultFile.objects.order_by("etag").values_list("key", "etag", "job_id")) == [
        (key, etag, "a job+ä") for etag in ("1", "2", "3", "6")
    ]
    assert world.count_messages() == 0


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u2028", "\u00ad", "\u200d", "\U000e0001"])
def test_keys_may_hold_whatever_s3_s_may_and_are_read(world: World, machine: None, space: str) -> None:
    job = f"a{space}job"
    etag = world.put(job, fans())
    world.tell(json.dumps({"Records": [record(world, f"jobs/{job}/result.json", etag)]}))
    assert post(world.envelope(job, "another")).status_code == 202
    assert poll_queue() == 1
    process_files()
    kept = ResultFile.objects.order_by("pk").values_list("key", "etag", "status")
    assert list(kept.exclude(etag="another")) == [(f"jobs/{job}/result.json", etag, "done")]
    assert list(ResultFile.objects.filter(etag="another").values_list("key", flat=True)) == [f"jobs/{job}/result.json"]


def test_what_is_no_notification_is_kept_once_and_not_looped(world: World) -> None:
    hostile = [
        "no json",
        "[]",
        '"text"',
        "{}",
        '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}',
    ]
    hostile += [json.dumps(world.envelope("x\x00y", "1")), json.dumps({"Message": "[" * 50_000}), "[" * 100_000]
    hostile += [json.dumps({"Records": [record(world, "jobs/%FF%FE/result.json", "1")]}).replace("%25", "%")]
    for text in [*hostile, hostile[0]]:
        world.tell(text)
    world.tell(json.dumps(world.envelope("good", "1")))
    assert poll_queue() == len(hostile) + 2
    assert world.count_messages() == 0
    dead = ResultFile.objects.filter(bucket="")
    assert set(dead.values_list("status", "door")) == {("dead", "sqs")}
    assert dead.count() == len(hostile)
    assert dead.get(message="no json").error == "It is not valid JSON."
    assert ResultFile.objects.exclude(bucket="").get().job_id == "good"


def test_another_bucket_is_none_of_ours(world: World, machine: None) -> None:
    """Whoever can call must not make us read whatever the installation's keys can."""
    body = world.envelope("1", "1")
    body["detail"]["bucket"]["name"] = "somebody-elses"
    assert post(body).json()["found"] == 0
    assert not ResultFile.objects.exists()


def test_without_a_bucket_nothing_is_thrown_away(world: World, machine: None, settings: Settings) -> None:
    """EventBridge calls again, and the message stays, until somebody names the bucket."""
    settings.RESULTS_BUCKET = ""
    body = world.envelope("1", "1")
    assert post(body).status_code == 503
    world.tell(json.dumps(body))
    with pytest.raises(Misconfigured):
        poll_queue()
    assert world.count_messages() == 1
    assert not ResultFile.objects.exists()


def test_who_may_tell(world: World, machine: None, settings: Settings) -> None:
    settings.CRON_SECRETS = ("a-secret-of-schedulers",)
    body = world.envelope("1", "1")
    assert [post(body, "wrong" * 4).status_code, post(body, "").status_code] == [403, 403]
    assert Client().post(ADDRESS, body, content_type="application/json").status_code == 403
    assert not ResultFile.objects.exists()
    headers = {"x-cron-secret": "a-secret-of-schedulers"}
    answer = Client().post(ADDRESS, json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == 202
    assert ResultFile.objects.get().door == "http"


@pytest.mark.parametrize(
    "body", ["{}", "[]", '{"source": "aws.s3", "detail-type": "Object Created"}', '{"Message": "x"}']
)
def test_what_eventbridge_would_not_send_is_refused(world: World, machine: None, body: str) -> None:
    answer = post(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "not_a_notification")
    assert not ResultFile.objects.exists()


def test_a_key_that_is_no_text_is_refused(world: World, machine: None) -> None:
    body = {"Records": [record(world, "x", "1")]}
    body["Records"][0]["s3"]["object"]["key"] = "jobs/%FF%FE/result.json"
    answer = post(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "not_a_notification")
    assert not ResultFile.objects.exists()


def test_the_door_answers_without_the_bucket_and_without_a_broker(
    world: World, machine: None, settings: Settings
) -> None:
    settings.RESULTS_ENDPOINT = "http://127.0.0.1:1"
    assert post(world.envelope("1", "1")).status_code == 202
    assert ResultFile.objects.get().status == "waiting"
