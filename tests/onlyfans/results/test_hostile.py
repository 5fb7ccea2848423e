"""Files that are wrong, in whatever way: rejected in words or tried again, and never in a loop."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from analytics.models import Event
from common.clock import now
from onlyfans.models import CreatorFigures, EarningsAggregate, ResultFile
from onlyfans.services.results import process_files, take_files
from tests.onlyfans.results.shelf import Shelf, etag_of, stored_at
from tests.onlyfans.results.test_order import DOOR, shelf, stored
from tests.onlyfans.results.world import SEEN, describe, earnings, fans

__all__ = ["shelf"]
GOOD = json.dumps(fans()).encode()
BIG = '{"kind":"fans","version":1,"userId":"ada","observedAt":"%s","data":{"fans":%s,"fansExpired":1}}'
DIGITS = "It holds a number with too many digits."
PACKED = "It is packed: store it as plain JSON."


def take(shelf: Shelf, body: bytes, **headers: str) -> ResultFile:
    """Let one file be read; return what became of it."""
    take_files([stored("1", shelf.put("1", body, **headers))], DOOR)
    process_files()
    return ResultFile.objects.get()


def nothing_came_of_it() -> bool:
    rows = (Event, CreatorFigures, EarningsAggregate)
    return not any(model._default_manager.exists() for model in rows)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "It is empty."),
        (b" \n", "It is empty."),
        (b"[]", "It is JSON, but no object."),
        (b"null", "It is JSON, but no object."),
        (b"{", "It is not JSON: see line 1, column 2."),
        (b"[" * 90_000, "It nests too deeply."),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "It nests too deeply."),
        (b"[" * 20 + b"]" * 20, "It nests too deeply."),
        (b"[" + b"1," * 200_000 + b"1]", "It has more parts than any result can have."),
        (GOOD.replace(b'"version"', b'"kind": "fans", "version"'), "It names something twice."),
        ((BIG % (SEEN, "NaN")).encode(), "It holds NaN, which is no number in JSON."),
        ((BIG % (SEEN, "-Infinity")).encode(), "It holds -Infinity, which is no number in JSON."),
        ((BIG % (SEEN, "9" * 4_000)).encode(), DIGITS),
        ((BIG % (SEEN, "1e999999999")).encode(), DIGITS),
        ((BIG % (SEEN, "1." + "0" * 100_000)).encode(), DIGITS),
        (GOOD.decode().encode("utf-16"), "It is not UTF-8: see byte 0."),
        (GOOD.replace(b"ada", b"ad\xe4"), "It is not UTF-8: see byte 44."),
        (b"\xef\xbb\xbf" + GOOD, "It begins with a byte order mark, which JSON must not."),
        (GOOD.replace(b"ada", b"a\\u0000a"), "It holds a character that is not allowed: NUL, or half of a pair."),
        (GOOD.replace(b"ada", b"a\\ud800a"), "It holds a character that is not allowed: NUL, or half of a pair."),
        (gzip.compress(GOOD), PACKED),
        (b"PK\x03\x04" + GOOD, PACKED),
    ],
    ids=range(22),
)
def test_what_is_no_json_of_ours(shelf: Shelf, body: bytes, why: str) -> None:
    file = take(shelf, body)
    assert (file.status, file.attempts, file.reasons) == ("rejected", 1, [{"field": "file", "why": why}])
    assert nothing_came_of_it()
    assert not process_files()


@pytest.mark.django_db
def test_content_that_only_says_that_it_is_packed(shelf: Shelf) -> None:
    file = take(shelf, zlib.compress(GOOD), **{"Content-Encoding": "deflate"})
    assert (file.status, file.reasons[0]["why"]) == ("rejected", PACKED)


INSTANT = "Give an instant with its time zone, like 2026-10-01T02:00:00Z."
PROFILE = {"username": "ada", "displayName": "Ada", "posts": 1, "likes": 1, "subscribePriceCents": 999}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("document", "reasons"),
    [
        ({**fans(), "kind": "fan"}, {"kind": "Give earnings, fans, messages or profile."}),
        ({**fans(), "kind": ["fans"]}, {"kind": "Give earnings, fans, messages or profile."}),
        ({**fans(), "version": 2}, {"version": "There is no such version of fans: give 1."}),
        ({**fans(), "version": True}, {"version": "There is no such version of fans: give 1."}),
        ({**fans(), "userId": 7}, {"userId": "Give a text."}),
        ({**fans(), "more": 1}, {"more": "There is no such field."}),
        (fans(count=-1), {"data.fans": "Give at least 0."}),
        (fans(count=10**30), {"data.fans": "Give at most 1,000,000,000,000,000."}),
        (fans(count=True), {"data.fans": "Give a whole number."}),
        (describe("fans", "ada", {"fans": 1}), {"data.fansExpired": "This is required."}),
        ({**fans(), "userId": "a b"}, {"userId": "Give OnlyFans' user id: letters, digits and . _ @ : - are allowed."}),
        ({**fans(), "observedAt": "today"}, {"observedAt": INSTANT}),
        (describe("fans", "ada", {"fans": 1.5, "fansExpired": 1}), {"data.fans": "Give a whole number."}),
        (describe("fans", "ada", {}), {"data.fans": "This is required.", "data.fansExpired": "This is required."}),
        ({**fans(), "data": 7}, {"data": "Give an object."}),
        (describe("profile", "ada", {**PROFILE, "username": ""}), {"data.username": "Give at least 1 character."}),
        (
            describe("profile", "ada", {**PROFILE, "displayName": "a\nb"}),
            {"data.displayName": "This holds a character that is not allowed, or a line break."},
        ),
        (earnings(month="2026-13"), {"data.months.2026-13": "Name each month by its year and number, like 2026-10."}),
        (earnings(parts={}), {"data.months.2026-10": "Give at least 1 entry."}),
        (
            earnings(parts={"gifts": {"grossCents": 1, "netCents": 1}}),
            {
                "data.months.2026-10.gifts": "There is no such name here: use subscriptions, tips, messages, posts, "
                "streams, referrals or chargebacks."
            },
        ),
        (
            earnings(parts={"tips": {"grossCents": 10**14 + 1, "netCents": -(10**14) - 1}}),
            {
                "data.months.2026-10.tips.grossCents": "Give at most 100,000,000,000,000.",
                "data.months.2026-10.tips.netCents": "Give at least -100,000,000,000,000.",
            },
        ),
        ({**fans(), "observedAt": "2026-02-30T00:00:00Z"}, {"observedAt": "There is no such instant."}),
        (
            {**fans(), "observedAt": "2099-01-01T00:00:00Z"},
            {"observedAt": "It lies after the instant at which the file was stored."},
        ),
        (earnings(month="2026-12"), {"data.months.2026-12": "It had not begun when this was observed."}),
        (
            earnings(parts={"tips": {"grossCents": "5", "netCents": 1.5}}),
            {
                "data.months.2026-10.tips.grossCents": "Give a whole number.",
                "data.months.2026-10.tips.netCents": "Give a whole number.",
            },
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_its_schema(shelf: Shelf, document: dict[str, Any], reasons: dict[str, str]) -> None:
    file = take(shelf, json.dumps(document).encode())
    assert file.status == "rejected"
    assert {reason["field"]: reason["why"] for reason in file.reasons} == reasons
    assert nothing_came_of_it()


@pytest.mark.django_db
@pytest.mark.parametrize("declares", [True, False])
def test_of_what_is_too_large_no_more_is_read_than_allowed(shelf: Shelf, settings: Settings, declares: bool) -> None:
    settings.RESULTS_MAX_BYTES = 100_000
    sent: list[int] = []

    def answer(handler: Any) -> None:
        handler.send_response(200)
        length = {"Content-Length": str(10 * 2**30)} if declares else {"Transfer-Encoding": "chunked"}
        for name, value in {"ETag": '"big"', **stored_at(), **length}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.close_connection = True
        try:
            while sum(sent) < 64 * 2**20:
                handler.wfile.write(b"" if declares else b"10000\r\n")
                sent.append(handler.wfile.write(b" " * 65_536))
                handler.wfile.write(b"" if declares else b"\r\n")
        except OSError:
            sent.append(0)

    shelf.hooks["jobs/1/result.json"] = answer
    take_files([stored("1", "big")], DOOR)
    process_files()
    file = ResultFile.objects.get()
    size = "10,737,418,240" if declares else "more"
    assert file.reasons == [{"field": "file", "why": f"It has {size} bytes; at most 100,000 are read."}]
    assert nothing_came_of_it()


def _answer(length: int, body: bytes, etag: str = "") -> Callable[[Any], None]:
    def answer(handler: Any) -> None:
        handler.close_connection = True
        handler._say(200, body, {"ETag": f'"{etag or etag_of(GOOD)}"', **stored_at(), "Content-Length": str(length)})

    return answer


@pytest.mark.django_db
def test_a_length_that_lies(shelf: Shelf, settings: Settings) -> None:
    """What breaks off is read again, a bounded number of times; what goes on is cut where it said that it ends."""
    settings.RESULTS_MAX_ATTEMPTS = 3
    shelf.hooks["jobs/1/result.json"] = _answer(len(GOOD) + 50, GOOD)
    shelf.hooks["jobs/2/result.json"] = _answer(len(GOOD), GOOD + b" " * 50)
    take_files([stored("1", etag_of(GOOD)), stored("2", etag_of(GOOD))], DOOR)
    process_files()
    first, second = ResultFile.objects.order_by("job_id")
    assert (first.status, first.attempts, first.reasons) == ("dead", 3, [])
    assert first.error == "The bucket could not be read (IncompleteReadError)."
    assert second.status == "done"


@pytest.mark.django_db
def test_another_version_than_the_one_asked_for(shelf: Shelf) -> None:
    """A server that minds no condition must not make one version pass for another."""
    body = shelf.put("1", GOOD)
    shelf.hooks["jobs/1/result.json"] = _answer(len(GOOD), GOOD, etag=body)
    take_files([stored("1", "another")], DOOR)
    process_files()
    assert dict(ResultFile.objects.values_list("etag", "status")) == {"another": "replaced", body: "done"}


@pytest.mark.django_db
def test_what_is_gone_is_a_dead_letter_at_once(shelf: Shelf) -> None:
    take_files([stored("1", "gone")], DOOR)
    process_files()
    file = ResultFile.objects.get()
    assert (file.status, file.attempts, file.error) == ("dead", 1, "It is no longer in the bucket.")


@pytest.mark.django_db
def test_a_bucket_that_fails_is_asked_again_and_heals(shelf: Shelf, settings: Settings) -> None:
    etag, answers = shelf.put("1", GOOD), iter([500, 503, 200])

    def answer(handler: Any) -> None:
        status = next(answers)
        if status == 200:
            del shelf.hooks["jobs/1/result.json"]
            handler._serve("jobs/1/result.json")
        else:
            handler._say(status, b"<Error><Code>SlowDown</Code></Error>")

    shelf.hooks["jobs/1/result.json"] = answer
    take_files([stored("1", etag)], DOOR)
    process_files()
    file = ResultFile.objects.get()
    assert (file.status, file.attempts, file.error) == ("done", 3, "")


@pytest.mark.django_db
def test_what_the_installation_is_to_blame_for_is_no_attempt(shelf: Shelf, settings: Settings) -> None:
    settings.RESULTS_RETRY_BASE_SECONDS = 3600

    def refuse(handler: Any) -> None:
        handler._say(403, b"<Error><Code>AccessDenied</Code></Error>")

    shelf.hooks["jobs/1/result.json"] = refuse
    file = take(shelf, GOOD)
    assert (file.status, file.attempts) == ("waiting", 0)
    assert file.error == "The bucket of result files refuses us (AccessDenied)."
    assert file.not_before is not None and file.not_before > now()


@pytest.mark.django_db
def test_a_file_that_refuses_us_while_others_are_read_is_a_dead_letter_in_the_end(
    shelf: Shelf, settings: Settings
) -> None:
    settings.RESULTS_RETRY_BASE_SECONDS = 0

    def refuse(handler: Any) -> None:
        handler._say(403, b"<Error><Code>AccessDenied</Code></Error>")

    shelf.hooks["jobs/1/result.json"] = refuse
    take_files([stored("1", "0" * 32), stored("2", shelf.put("2", GOOD))], DOOR)
    process_files()
    assert list(ResultFile.objects.order_by("job_id").values_list("status", "attempts")) == [
        ("dead", settings.RESULTS_MAX_ATTEMPTS),
        ("done", 1),
    ]


@pytest.mark.django_db
def test_what_is_archived_is_a_dead_letter_at_once(shelf: Shelf) -> None:
    def refuse(handler: Any) -> None:
        handler._say(403, b"<Error><Code>InvalidObjectState</Code></Error>")

    shelf.hooks["jobs/1/result.json"] = refuse
    file = take(shelf, GOOD)
    assert (file.status, file.attempts, file.error) == ("dead", 1, "It is archived: restore it, then read it again.")
