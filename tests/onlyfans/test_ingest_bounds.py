"""How much of a body of earnings is read: rows, bytes, what a row may hold, and what becomes of more."""

import json
import re
import tracemalloc
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from onlyfans.api.reading import MOST_BYTES, read_batches
from onlyfans.api.scanning import LONGEST_ROW
from onlyfans.models import CreatorAccount, EarningsRevision, UnmatchedAggregate
from tests.factories.billing import make_creator, make_organization
from tests.onlyfans.test_ingest_stream import GOOD, ROW, SECRET, Stream, outcomes, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> None:
    settings.CRON_SECRETS = (SECRET,)


@pytest.fixture
def aurora() -> CreatorAccount:
    return make_creator(make_organization(), onlyfans_user_id="of_aurora")


def test_of_more_rows_than_are_taken_the_first_are_and_the_others_are_named(aurora: CreatorAccount) -> None:
    rows = [{**ROW, "userId": "of_stranger", "netCents": place} for place in range(10_002)]
    body = json.dumps(rows).encode()
    status, answer = send(body)
    assert (status, answer["error"]["code"], answer["counts"]) == (413, "too_large", {"unmatched": 10_000})
    assert answer["error"]["message"].startswith("These are too many rows: at most 10,000 are taken at once (byte")
    assert answer["unread"]["row"] == 10_000
    assert json.loads(b"[" + body[answer["unread"]["byte"] :]) == rows[10_000:]
    assert UnmatchedAggregate.objects.count() == 10_000


def test_ten_thousand_rows_with_all_that_they_may_hold(aurora: CreatorAccount) -> None:
    long = "\N{LATIN SMALL LETTER A WITH DIAERESIS}" * 400
    rows = [{**ROW, "userId": f"of_{n}", "bucket": "b", "key": f"{long}{n}", "etag": "e" * 32} for n in range(9_999)]
    body = json.dumps([*rows, ROW]).encode()
    assert len(body) > 24 * 1024 * 1024
    status, answer = send(body)
    assert (status, answer["counts"]) == (200, {"unmatched": 9_999, "created": 1})
    assert outcomes(answer)[-1] == "created"
    assert set(UnmatchedAggregate.objects.values_list("key", flat=True)) == {row["key"] for row in rows}


def test_a_body_without_an_end_is_left_at_its_bound(aurora: CreatorAccount) -> None:
    def endless() -> Iterator[bytes]:
        yield b"[" + GOOD
        while True:
            yield b" " * 65_536

    stream = Stream(endless())
    status, answer = send(stream)
    assert (status, outcomes(answer), answer["unread"]) == (413, ["created"], {"row": 1, "byte": MOST_BYTES})
    assert answer["error"]["message"].startswith("The body is too large: at most 268,435,456 bytes are read (byte")
    assert stream.read_so_far <= MOST_BYTES + 65_536


def test_a_body_that_breaks_is_heard_to_its_end() -> None:
    """Who still sends would never see the answer."""
    stream = Stream(iter([b"[}", *[b"x" * 65_536] * 100]))
    assert send(stream)[0] == 400
    assert stream.read_so_far == 2 + 100 * 65_536


def long_rows() -> Iterator[tuple[str, bytes]]:
    yield "text", b'{"userId": "%s\\"]}"}' % (b"x" * 3_000_000)
    yield "names", b"{%s}" % b",".join(b'"more%d": [[], {}]' % place for place in range(100_000))
    yield "word", b"[%s]" % (b"-Infinity," * 30_000 + b"1")
    yield "text alone", b'"%s"' % (b"\\\\" * 200_000)
    yield "nested", b"[" * 50_000 + b"]" * 50_000


@pytest.mark.parametrize(("row"), [row for _, row in long_rows()], ids=[name for name, _ in long_rows()])
def test_a_row_that_is_too_long_is_passed_over(row: bytes, aurora: CreatorAccount) -> None:
    body = b"[%b, %b, %b]" % (GOOD, row, GOOD) + b" " * 2_100_000
    status, answer = send(body)
    assert (status, outcomes(answer)) == (200, ["created", "rejected", "unchanged"])
    (said,) = answer["outcomes"][1]["errors"]["row"]
    assert said in {"It is too long: at most 65,536 characters are read of a row.", "It nests too deeply."}


def test_a_number_that_is_too_long_is_passed_over(aurora: CreatorAccount) -> None:
    body = b"[%b, -%b, %b]" % (GOOD, b"9" * 300_000, GOOD)
    for padding in (b"", b" " * 2_100_000):
        status, answer = send(body + padding)
        assert (status, answer["outcomes"][1]["errors"]) == (200, {"row": ["This number is beyond reason."]})


def test_too_much_that_is_too_long_ends_the_reading(aurora: CreatorAccount) -> None:
    status, answer = send(b'[%b, "%b", %b]' % (GOOD, b"x" * 5_000_000, GOOD))
    assert (status, outcomes(answer), answer["unread"]["row"]) == (413, ["created"], 1)
    assert answer["error"]["message"].startswith("Its rows are too long (byte")


@pytest.mark.parametrize("part", [b"1", b"[]", b"{}", b'{"a":[]}'])
@pytest.mark.parametrize("row", [b"[%b]", b'{"a": [%b]}', b'{"a": {"b": [%b]}}'])
def test_too_much_of_what_no_row_consists_of_ends_the_reading(part: bytes, row: bytes, aurora: CreatorAccount) -> None:
    """Else a body of that could keep a processor busy for a minute."""
    bad = row % b",".join([part] * (50_000 // len(part)))
    status, answer = send(b"[%b,%b]" % (GOOD, b",".join([bad] * 100)))
    assert (status, answer["counts"]["created"]) == (413, 1)
    assert 4 * 1024 * 1024 - 2 * len(bad) < answer["unread"]["byte"] <= 4 * 1024 * 1024 + 1_000
    assert answer["counts"]["rejected"] == answer["unread"]["row"] - 1
    assert EarningsRevision.objects.count() == 1


def test_no_more_than_a_piece_of_a_body_is_held() -> None:
    row = json.dumps({**ROW, "bucket": "b", "key": "k" * 3_200, "etag": "e"}).encode()

    def rows() -> Iterator[bytes]:
        yield b"[" + row
        for _ in range(9_999):
            yield b"," + row
        yield b"]"

    stream = Stream(rows())
    tracemalloc.start()
    try:
        assert sum(len(batch) for batch in read_batches(stream)) == 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stream.read_so_far > 30 * 1024 * 1024
    assert peak < 10 * 1024 * 1024


def test_a_row_as_long_as_a_good_one_can_be_is_read(aurora: CreatorAccount) -> None:
    names = ("subscriptions", "tips", "messages", "posts", "streams", "referrals", "chargebacks", "uncategorized")
    row = {
        "userId": "\U00010400" * 64, "month": "2026-10", "currency": "USD", "bucket": "\U00010400" * 255,
        "key": "\U00010400" * 1024, "etag": "\U00010400" * 128, "sequencer": "0" * 64,
        "categories": {name: {"grossCents": -(10**14), "netCents": -(10**14)} for name in names},
        "receivedAt": "2026-10-31T10:00:00.123456+00:00",
    }  # fmt: skip

    def escape(text: re.Match[str]) -> str:
        units = text[1].encode("utf-16-be").hex()
        return '"' + "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4)) + '"'

    escaped = re.sub('"([^"]*)"', escape, json.dumps(row, ensure_ascii=False))
    assert 20_000 < len(escaped) < LONGEST_ROW
    assert 10_000 * len(escaped) < MOST_BYTES
    status, answer = send(f"[{escaped}]".encode() + b" " * 2_100_000)
    assert (status, outcomes(answer)) == (200, ["unmatched"])
