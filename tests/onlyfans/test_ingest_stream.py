"""Bodies of earnings as they arrive: what stands before a break is taken in, and the answer says what is missing."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import AuditEntry
from onlyfans.api.scanning import Scanner, Unread
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision, UnmatchedAggregate
from tests.factories.billing import make_creator, make_organization

pytestmark = pytest.mark.django_db
SECRET = "cron-secret-of-these-tests"
ROW: dict[str, Any] = {"userId": "of_aurora", "month": "2026-10", "currency": "USD", "grossCents": 100, "netCents": 80}
GOOD = json.dumps(ROW).encode()
with_database = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> None:
    settings.CRON_SECRETS = (SECRET,)


@pytest.fixture
def aurora() -> CreatorAccount:
    return make_creator(make_organization(), onlyfans_user_id="of_aurora")


class Stream:
    """A body that is made as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest, self.read_so_far = pieces, b"", 0

    def readline(self) -> bytes:
        raise NotImplementedError

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        found, self._rest = self._rest[:size], self._rest[size:]
        self.read_so_far += len(found)
        return found


def send(body: bytes | Stream) -> tuple[int, dict[str, Any]]:
    """Send a body as it is; return status and answer."""
    stream: Any = BytesIO(body) if isinstance(body, bytes) else body
    length = len(body) if isinstance(body, bytes) else 2**40
    given: Any = {"wsgi.input": stream, "CONTENT_LENGTH": str(length), "CONTENT_TYPE": "application/json"}
    answer = Client().generic("POST", "/api/ingest/of-aggregates", headers={"x-cron-secret": SECRET}, **given)
    assert answer["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()


def outcomes(answer: dict[str, Any]) -> list[Any]:
    assert [one["row"] for one in answer["outcomes"]] == list(range(len(answer["outcomes"])))
    return [one["outcome"] for one in answer["outcomes"]]


def look(user: str = "of_aurora") -> tuple[Any, ...]:
    """What stands and which versions are kept, but for when they were told."""
    stands = EarningsAggregate.objects.filter(creator__onlyfans_user_id=user).order_by("month", "category")
    kept = EarningsRevision.objects.filter(creator__onlyfans_user_id=user).values_list("month", "parts", "key", "etag")
    figures = stands.values_list("month", "category", "gross_cents", "net_cents", "revision__key", "revision__etag")
    return list(figures), sorted(kept, key=str)


def test_what_stands_before_a_break_is_taken_in_and_the_answer_says_where(aurora: CreatorAccount) -> None:
    body = b"[" + GOOD + b', 7, {"userId" "of_aurora"}, ' + GOOD + b"]"
    status, answer = send(body)
    assert status == 400
    byte = body.index(b'"of_aurora"}')
    assert answer | {"timestamp": ""} == {
        "success": False,
        "error": {
            "code": "malformed",
            "message": f"The body is not valid JSON: Expecting ':' delimiter (byte {byte}). The 2 rows before that "
            "were read and have an outcome; nothing else was taken in. It is safe to send all of it again.",
        },
        "timestamp": "",
        "unread": {"row": 2, "byte": byte},
        "counts": {"created": 1, "rejected": 1},
        "outcomes": [
            {"row": 0, "outcome": "created", "userId": "of_aurora", "month": "2026-10"},
            {"row": 1, "outcome": "rejected", "errors": {"row": ["Give an object."]}},
        ],
    }
    assert EarningsRevision.objects.count() == 1
    assert AuditEntry.objects.get().after == {"earnings": {"created": 1, "rejected": 1}}


BREAKS: list[tuple[bytes, bytes, str]] = [
    (b"", b"", "it ends too early"),
    (b",", b"", "it ends too early"),
    (b", ", b"]", "Expecting value"),
    (b" ", b'{"a": 1}]', "a comma is missing"),
    (b', {"userId": ', b"", "it ends too early"),
    (b', {"userId": "of_', b"", "it ends too early"),
    (b', {"userId": "', b'\0"}]', "Invalid control character at"),
    (b', {"userId": "', b'\xff"}]', "there is a byte that is not UTF-8"),
    (b', {"userId": "', b'\xed\xa0\x80"}]', "there is a byte that is not UTF-8"),
    (b', {"userId": "\xc3\xa4', b"\xc3", "it ends within a character"),
    (b"] ", b"]", "something follows after its end"),
    (b"]\n", GOOD, "something follows after its end"),
]


@pytest.mark.parametrize(("before", "after", "why"), BREAKS, ids=range(len(BREAKS)))
@pytest.mark.parametrize("padding", [0, 3_000_000], ids=["in one go", "in pieces"])
def test_each_way_to_break(before: bytes, after: bytes, why: str, padding: int, aurora: CreatorAccount) -> None:
    whole = b"[" + b" " * padding + GOOD + before
    status, answer = send(whole + after)
    assert (status, outcomes(answer)) == (400, ["created"])
    assert answer["unread"] == {"row": 1, "byte": len(whole)}
    said = f"The body is not valid JSON: {why} (byte {len(whole):,}). The row before that was read and has an outcome;"
    assert answer["error"]["message"].startswith(said)
    assert EarningsRevision.objects.count() == 1
    status, answer = send(b"[" + GOOD + b"]")
    assert (status, outcomes(answer)) == (200, ["unchanged"])


@pytest.mark.parametrize("body", [b"", b" \n", b"nul", b"\xef\xbb\xbf[]", GOOD[:-1], b"[" * 100_000, b"}"])
def test_where_nothing_can_be_read_nothing_is_written(body: bytes, aurora: CreatorAccount) -> None:
    status, answer = send(body)
    assert (status, answer["success"], answer["outcomes"], answer["counts"]) == (400, False, [], {})
    assert answer["unread"]["row"] == 0
    assert answer["error"]["message"].count("No row has an outcome") == 1
    for model in (EarningsRevision, UnmatchedAggregate, AuditEntry):
        assert not model._default_manager.exists()


def test_what_follows_after_a_single_row_leaves_it_taken_in(aurora: CreatorAccount) -> None:
    status, answer = send(GOOD + b"\n" + GOOD)
    assert (status, outcomes(answer), answer["unread"]) == (400, ["created"], {"row": 1, "byte": len(GOOD) + 1})


def make_rows(drawn: list[tuple[int, int, int]], have_times: bool) -> list[dict[str, Any]]:
    """Make rows of months, figures and objects.

    Without times of their own, figures sent again win over objects, which were received when they came first: then a
    month has one or the other.
    """
    rows = []
    for place, (month, net, number) in enumerate(drawn):
        row = {**ROW, "month": f"2026-{month:02}", "netCents": net}
        if number if have_times else month > 2:
            row |= {"bucket": "b", "key": f'ä[{{\\"{number}', "etag": "e"}
        rows.append(row | ({"receivedAt": f"2026-11-01T10:00:{place:02}Z"} if have_times else {}))
    return rows


rows_to_cut = st.builds(
    make_rows,
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=5),
    st.booleans(),
)


def write(rows: list[dict[str, Any]], indent: int | None, is_ascii: bool) -> tuple[bytes, list[int]]:
    """Write rows as a list; return it, and where each of them ends."""
    parts = [json.dumps(row, indent=indent, ensure_ascii=is_ascii).encode() for row in rows]
    ends = [len(b"[" + b" ,\n".join(parts[: place + 1])) for place in range(len(parts))]
    return b"[" + b" ,\n".join(parts) + b"]", ends


@given(rows_to_cut, st.sampled_from([None, 2]), st.booleans(), st.data())
@with_database
def test_cut_anywhere_the_rows_before_are_taken_in_and_sending_all_again_ends_alike(
    aurora: CreatorAccount, rows: list[dict[str, Any]], indent: int | None, is_ascii: bool, data: st.DataObject
) -> None:
    twin = CreatorAccount.objects.filter(onlyfans_user_id="of_twin").first() or make_creator(
        aurora.organization, onlyfans_user_id="of_twin"
    )
    for creator in (aurora, twin):
        EarningsAggregate.objects.filter(creator=creator).delete()
        EarningsRevision.objects.filter(creator=creator).delete()
    body, ends = write(rows, indent, is_ascii)
    cut = data.draw(st.integers(0, len(body) - 1))
    status, answer = send(body[:cut])
    complete = sum(end <= cut for end in ends)
    assert (status, len(outcomes(answer)), answer["unread"]["row"]) == (400, complete, complete)
    kept = {(row["month"], row["netCents"], row.get("key", "")) for row in rows[:complete]}
    assert EarningsRevision.objects.filter(creator=aurora).count() == len(kept)
    status, answer = send(body)
    assert (status, len(outcomes(answer))) == (200, len(rows))
    assert send(body.replace(b"of_aurora", b"of_twin"))[0] == 200
    assert look() == look("of_twin")


anything: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part, max_size=3),
    max_leaves=8,
)


def split(body: bytes, places: list[int]) -> Iterator[bytes]:
    """Cut a body into pieces at these places."""
    cuts = sorted({place % (len(body) + 1) for place in places} - {0})
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        if start < end:
            yield body[start:end]


@given(st.lists(anything, max_size=6), st.lists(st.integers(0, 500), max_size=6), st.booleans())
def test_wherever_the_pieces_end_the_rows_are_the_same(rows: list[Any], places: list[int], is_ascii: bool) -> None:
    body = json.dumps(rows, ensure_ascii=is_ascii).encode("utf-8", "replace")
    assert list(Scanner(split(body, places), 10)) == json.loads(body)
    every = range(len(body))
    assert list(Scanner(split(body, list(every)), 10)) == json.loads(body)


@given(
    st.lists(anything.map(lambda part: [part]), max_size=6),
    st.lists(st.integers(0, 500), max_size=6),
    st.integers(0, 500),
    st.sampled_from([b"\0", b"\xff", b"\xed\xa0\x80", b"\xc3"]),
)
def test_a_bad_byte_anywhere_leaves_the_rows_before_it(rows: list[Any], places: list[int], at: int, bad: bytes) -> None:
    body, ends = write(rows, None, False)
    place = 1 + at % len(body)
    found: list[Any] = []
    with pytest.raises(Unread) as caught:
        for row in Scanner(split(body[:place] + bad + body[place:], places), 10):
            found.append(row)
    assert found == [row for row, end in zip(rows, ends, strict=True) if end <= place]
    # A word or a number that is spoilt is named by its first letter.
    assert caught.value.status == 400
    assert [0, *ends][len(found)] <= caught.value.byte <= place
