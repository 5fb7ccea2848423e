"""Starting jobs over HTTP: what is asked, what is answered, and what starts nothing."""

import datetime as dt

import pytest
from django.test import Client
from pytest_django import Settings

from common.clock import iso
from jobs.models import JobRun
from tests.jobs.api.conftest import SECRET, Call

pytestmark = pytest.mark.django_db


def test_answers_with_the_run(call: Call) -> None:
    status, answer = call("asking")
    run = JobRun.objects.get()
    assert status == 202
    assert answer.pop("timestamp").endswith("Z")
    assert answer == {
        "success": True, "runId": run.pk, "job": "asking", "status": "queued",
        "statusUrl": f"https://office.test/api/cron/runs/{run.pk}",
    }  # fmt: skip


@pytest.mark.parametrize("address", ["asking/", "asking"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_both_methods_start_with_or_without_a_slash(call: Call, address: str, method: str) -> None:
    assert call(address, method=method)[0] == 202


@pytest.mark.parametrize("name", ["inner", "nothing", "Asking", "runs", ""])
def test_a_job_that_is_not_for_callers_is_404(call: Call, name: str) -> None:
    status, answer = call(name)
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert not JobRun.objects.exists()


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE"])
def test_other_methods_start_nothing(client: Client, method: str) -> None:
    answer = client.generic(method, "/api/cron/asking", headers={"x-cron-secret": SECRET})
    assert answer.status_code == 405
    assert not JobRun.objects.exists()


def test_without_the_secret_nothing_starts_nor_is_a_job_s_name_told(client: Client) -> None:
    for name in ("asking", "nothing"):
        answer = client.post(f"/api/cron/{name}", headers={"x-vercel-cron": "1"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert not JobRun.objects.exists()


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("?scope=a%20b&howMany=3&wordsOf=x&wordsOf=y&dryRun=true", None),
        ("?scope=a%20b&how_many=3&words_of=x&words_of=y&dry_run=1", None),
        ("", {"scope": "a b", "howMany": 3, "wordsOf": ["x", "y"], "dryRun": True}),
        ("", {"scope": "a b", "how_many": 3, "words_of": ["x", "y"], "dry_run": True}),
        ("?scope=a%20b&wait=0", {"howMany": 3, "wordsOf": ["x", "y"], "dryRun": True}),
    ],
)
def test_parameters_come_by_address_or_body_in_either_spelling(call: Call, query: str, body: object) -> None:
    assert call(f"asking{query}", body)[0] == 202
    assert JobRun.objects.get().params == {"scope": "a b", "how_many": 3, "words_of": ["x", "y"], "dry_run": True}


@pytest.mark.parametrize(
    ("query", "body", "fields"),
    [
        ("?howMany=10", None, {"howMany": ["Give at most 9."]}),
        ("?how_many=ten", None, {"how_many"}),
        ("", {"dryRun": "perhaps", "nonsense": 1, "how_many": 0}, {"dryRun", "nonsense", "how_many"}),
        ("", {"wordsOf": [1]}, {"wordsOf.0": ["Give a text."]}),
        ("", {"wordsOf": ["never"]}, {"wordsOf": ["“never” is never said."]}),
        ("", {"words_of": ["never"]}, {"words_of": ["“never” is never said."]}),
        ("?scope=a&scope=b", None, {"scope": ["This is given twice."]}),
        ("?scope=a", {"scope": "b"}, {"scope": ["This is given in the address and in the body."]}),
        ("?howMany=1", {"how_many": 2}, {"howMany": ["This is given twice, in two spellings."]}),
        ("?x-cron-secret=0123456789abcdef", None, {"x-cron-secret": ["There is no such field."]}),
        ("?wait=26", None, {"wait"}), ("?wait=-1", None, {"wait"}), ("?wait=1.5", None, {"wait"}),
        ("?wait=x", None, {"wait"}), ("?wait=1&wait=2", None, {"wait"}), ("?wait=", None, {"wait"}),
        ("", {"wait": 3}, {"wait"}),
    ],
    ids=lambda value: ", ".join(sorted(value)) if isinstance(value, set) else str(value),
)  # fmt: skip
def test_what_does_not_fit_is_named_and_starts_nothing(call: Call, query: str, body: object, fields: object) -> None:
    status, answer = call(f"asking{query}", body)
    found = answer["error"]["fields"]
    assert (status, answer["error"]["code"]) == (400, "invalid_parameters")
    assert (set(found) if isinstance(fields, set) else found) == fields
    assert not JobRun.objects.exists()


def test_a_body_that_is_no_object_starts_nothing(call: Call) -> None:
    for body in ([], [{"scope": "a"}], "scope", 7):
        assert call("asking", body)[0] == 400
    assert not JobRun.objects.exists()


def test_a_key_names_the_delivery(call: Call) -> None:
    first, again, other = (call("asking", idempotency_key=key) for key in ("k1", "k1", "k2"))
    assert (first[0], again[0], other[0]) == (202, 200, 202)
    assert first[1]["runId"] == again[1]["runId"] != other[1]["runId"]


def test_a_key_counts_before_the_event_s_id_and_that_before_its_time(call: Call) -> None:
    event = {"detail-type": "x", "source": "y", "detail": {}, "id": "e1", "time": "2026-11-01T02:00:00Z"}
    call("asking", event, idempotency_key="k1")
    call("asking", event)
    call("asking", {**event, "id": "e2"})
    call("asking", {"id": "e3", "time": "2026-11-01T02:00:00Z"})
    call("asking", {"time": "2026-11-01T02:00:00Z"})
    call("asking")
    assert list(JobRun.objects.order_by("pk").values_list("slot", flat=True)) == [
        "http key k1", "http event e1", "http event e2", "http event e3", "schedule 2026-11-01T02:00:00Z", None,
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["", "x" * 256, "two\twords"])
def test_a_key_that_is_none_is_named(call: Call, key: str) -> None:
    status, answer = call("asking", idempotency_key=key)
    assert (status, list(answer["error"]["fields"])) == (400, ["Idempotency-Key"])


def test_long_keys_are_told_apart_to_their_last_character(call: Call) -> None:
    runs = [call("asking", idempotency_key="x" * 250 + end)[1]["runId"] for end in ("a", "b", "a")]
    assert runs[0] == runs[2] != runs[1]


def test_a_known_delivery_that_asks_for_something_else_is_refused(call: Call) -> None:
    run = call("asking", {"scope": "a"}, idempotency_key="k")[1]["runId"]
    status, answer = call("asking", {"scope": "b"}, idempotency_key="k")
    assert status == 400
    assert answer["error"]["fields"] == {"scope": [f"Run {run} was started by this delivery with another value."]}
    assert call("asking", {"scope": "a"}, idempotency_key="k")[0] == 200
    assert JobRun.objects.count() == 1


def test_a_known_delivery_that_asks_for_less_asks_for_what_holds_without_it(call: Call) -> None:
    asked = {"scope": "a", "how_many": 3, "wordsOf": ["x"]}
    run = call("asking", asked, idempotency_key="k")[1]["runId"]
    said = [f"Run {run} was started by this delivery with another value."]
    status, answer = call("asking", idempotency_key="k")
    assert (status, answer["success"]) == (400, False)
    assert answer["error"]["fields"] == dict.fromkeys(("scope", "howMany", "wordsOf"), said)
    status, answer = call("asking", {**asked, "how_many": 4, "wordsOf": ["y"]}, idempotency_key="k")
    assert answer["error"]["fields"] == dict.fromkeys(("how_many", "wordsOf"), said)
    status, answer = call("asking?howMany=4&scope=a&words_of=x", idempotency_key="k")
    assert answer["error"]["fields"] == {"howMany": said}
    assert call("asking", {**asked, "dryRun": False}, idempotency_key="k")[0] == 200
    assert JobRun.objects.count() == 1


def test_what_a_default_was_when_the_run_was_started_counts(call: Call) -> None:
    """The month before, or the present instant, is another one when the delivery comes again."""
    for job, hours in (("hourly-usage", 5), ("analytics-snapshots", 9)):
        run = call(job, idempotency_key=f"k {job}")[1]["runId"]
        assert call(job, idempotency_key=f"k {job}")[:1] == (200,)
        first = JobRun.objects.get(pk=run)
        [(name, value)] = [(name, value) for name, value in first.params.items() if name in {"hour", "slot"}]
        earlier = dt.datetime.fromisoformat(value) - dt.timedelta(hours=hours)
        before = first.created_at - dt.timedelta(hours=hours)
        JobRun.objects.filter(pk=run).update(created_at=before, params={**first.params, name: iso(earlier)})
        assert call(job, idempotency_key=f"k {job}")[0] == 200
        JobRun.objects.filter(pk=run).update(params={**first.params, name: iso(earlier - dt.timedelta(hours=2))})
        assert list(call(job, idempotency_key=f"k {job}")[1]["error"]["fields"]) == [name]


def test_a_run_under_way_is_answered_and_never_refused(call: Call) -> None:
    first = call("single", {"scope": "a"}, idempotency_key="k1")
    assert call("single", {"scope": "a"}, idempotency_key="k2")[0] == 200
    assert call("single", {"scope": "b"})[0] == 202
    JobRun.objects.filter(pk=first[1]["runId"]).update(status="running")
    status, answer = call("single", {"scope": "a"})
    assert (status, answer["runId"], answer["status"]) == (200, first[1]["runId"], "running")


def test_what_takes_a_person_s_reason_is_refused_to_machines(call: Call) -> None:
    status, answer = call("asking", {"scope": "sensitive", "reason": "because"})
    assert (status, list(answer["error"]["fields"])) == (400, ["reason"])
    status, answer = call("asking", {"scope": "sensitive"})
    assert (status, answer["error"]["code"]) == (400, "needs_a_person")
    assert not JobRun.objects.exists()


def test_secrets_reach_no_log(call: Call, client: Client, caplog: pytest.LogCaptureFixture, settings: Settings) -> None:
    caplog.set_level("DEBUG")
    call("asking", {"scope": 1})
    call("asking", authorization=f"Bearer {SECRET}")
    client.get("/api/cron/asking", headers={"authorization": f"Bearer {SECRET}x"})
    assert caplog.records
    assert SECRET not in caplog.text
