"""Whatever the order in which versions arrive, and however often: the same are kept, and the same one stands."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onlyfans.explaining import choose, tell
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision, UnmatchedAggregate
from onlyfans.services.ingesting import IncomingAggregate, attach_unmatched, read_sequencer
from tests.factories.billing import make_creator, make_organization
from tests.factories.earnings import NOW, TOTAL, make_row, take_in

pytestmark = pytest.mark.django_db
FIGURES = ({TOTAL: (1_000, 800)}, {"tips": (1_000, 800)}, {"tips": (700, 560), "posts": (300, 240)})
MINUTES = st.integers(0, 3).map(lambda minutes: NOW + dt.timedelta(minutes=minutes))
figures = st.sampled_from(FIGURES)
statements = st.builds(make_row, parts=figures, received_at=MINUTES, source=st.sampled_from(["api", "gateway"]))
objects = st.builds(
    make_row,
    parts=figures,
    received_at=MINUTES,
    source=st.sampled_from(["api", "results"]),
    bucket=st.just("results"),
    key=st.sampled_from(["jobs/1/result.json", "jobs/2/result.json"]),
    etag=st.sampled_from(["a", "b"]),
    # `1f` and `1F00` are the same place in S3's order, and `2` comes after both.
    sequencer=st.sampled_from(["", "1f", "1F00", "1F01", "2", "000"]),
)
corrections = st.builds(
    make_row,
    parts=figures,
    received_at=MINUTES,
    source=st.just("staff"),
    # By the figures of three sources, so that some of what comes later repeats them and some does not.
    answers=st.just({"api": tell("USD", FIGURES[0]), "gateway": tell("USD", FIGURES[1]), "results": tell("USD", {})}),
)
reports = st.lists(st.one_of(statements, objects), min_size=1, max_size=7)
rows = st.lists(st.one_of(statements, objects, corrections), min_size=1, max_size=7)
with_database = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def aurora() -> CreatorAccount:
    return make_creator(make_organization(), onlyfans_user_id="of_aurora")


def forget() -> None:
    EarningsAggregate.objects.all().delete()
    EarningsRevision.objects.all().delete()


def look() -> tuple[Any, ...]:
    """What is kept, and what stands; categories that are zero only because they once stood count for nothing."""
    names = ("bucket", "key", "etag", "sequencer", "source", "received_at", "fingerprint")
    kept = sorted(EarningsRevision.objects.values_list(*names), key=str)
    stands = EarningsAggregate.objects.values_list("revision__fingerprint", "source", "received_at", "currency")
    found = EarningsAggregate.objects.exclude(gross_cents=0, net_cents=0)
    figures = {row.category: (row.gross_cents, row.net_cents) for row in found}
    return kept, set(stands), figures


def end(*batches: Sequence[IncomingAggregate]) -> tuple[Any, ...]:
    """Take batches in, one after the other; return the end state."""
    forget()
    for batch in batches:
        take_in(*batch)
    return look()


@given(rows, st.data())
@with_database
def test_any_order_and_any_repetition_end_alike(
    aurora: CreatorAccount, found: list[IncomingAggregate], data: st.DataObject
) -> None:
    at_once = end(found)
    again = data.draw(st.lists(st.sampled_from(found), max_size=5))
    shuffled = data.draw(st.permutations(found + again))
    assert end(shuffled) == at_once
    assert end(*([row] for row in shuffled)) == at_once
    cut = data.draw(st.integers(0, len(shuffled)))
    assert end(shuffled[:cut], shuffled[cut:]) == at_once


def test_a_version_that_another_source_brings_stands_with_that_source(aurora: CreatorAccount) -> None:
    found = make_row(bucket="results", key="jobs/2/result.json", etag="a")
    listed = replace(found, source="results", sequencer="1f")
    for beside in ([], [make_row("of_nobody")]):
        forget()
        assert take_in(found, *beside)[0] == "created"
        assert take_in(listed, *beside)[0] == "unchanged"
        assert EarningsAggregate.objects.get().source == "results"


def test_an_older_version_of_an_object_that_arrives_later_is_kept_and_changes_nothing(aurora: CreatorAccount) -> None:
    newer = make_row(cents=2_000, bucket="results", key="jobs/1/result.json", etag="b", sequencer="2")
    older = replace(make_row(cents=1_000), bucket="results", key="jobs/1/result.json", etag="a", sequencer="1f")
    older = replace(older, received_at=NOW + dt.timedelta(hours=1))
    for beside in ([], [make_row("of_nobody")]):
        forget()
        assert take_in(newer, *beside)[0] == "created"
        assert take_in(older, *beside)[0] == "stale"
        assert EarningsRevision.objects.count() == 2
        assert EarningsAggregate.objects.get().gross_cents == 2_000


@given(rows, st.sampled_from(["of_aurora", "of_stranger"]))
@with_database
def test_a_row_alone_becomes_what_it_becomes_beside_others(
    aurora: CreatorAccount, found: list[IncomingAggregate], user_id: str
) -> None:
    """The database takes a single row in by a way of its own."""
    found = [replace(row, user_id=user_id) for row in found]
    beside = make_row("of_nobody")
    forget()
    alone = [take_in(row) for row in found]
    ended = look()
    forget()
    assert [take_in(row, beside)[:1] for row in found] == alone
    assert look() == ended


@given(rows)
@with_database
@example(
    [
        make_row(cents=1_000, key="k", etag="a", sequencer="2", received_at=NOW + dt.timedelta(minutes=3)),
        make_row(cents=500, key="k", etag="b", sequencer="1f"),
        make_row(cents=700, received_at=NOW + dt.timedelta(minutes=1)),
        make_row(cents=500, key="k", etag="b", sequencer="3"),
    ]
)
def test_unchanged_is_what_leaves_the_same_version_standing(
    aurora: CreatorAccount, found: list[IncomingAggregate]
) -> None:
    """In the example, the version that comes again takes the place of its object's newest, so the third one stands."""
    for beside in ([], [make_row("of_nobody")]):
        forget()
        stood: set[int | None] = set()
        for row in found:
            outcome, *_ = take_in(row, *beside)
            stands: set[int | None] = set(EarningsAggregate.objects.values_list("revision", flat=True))
            assert outcome != "unchanged" or stands == stood
            assert outcome != "updated" or stands != stood
            stood = stands


@given(rows)
@with_database
def test_the_database_chooses_as_people_are_told(aurora: CreatorAccount, found: list[IncomingAggregate]) -> None:
    end(found)
    versions = {one.pk: one.read() for one in EarningsRevision.objects.all()}
    (standing,) = set(EarningsAggregate.objects.values_list("revision", flat=True))
    assert versions[standing or 0] == choose(versions.values())


@given(reports, st.data())
@with_database
def test_waiting_for_a_creator_changes_nothing_about_it(found: list[IncomingAggregate], data: st.DataObject) -> None:
    """Some versions come before the creator, and the rest after: the same end as with all of them after."""
    strangers = [replace(row, user_id="of_stranger") for row in found]
    cut = data.draw(st.integers(0, len(strangers)))
    forget()
    CreatorAccount.objects.all().delete()
    UnmatchedAggregate.objects.all().delete()
    take_in(*strangers[:cut])
    make_creator(make_organization(), onlyfans_user_id="of_stranger")
    take_in(*strangers[cut:])
    attach_unmatched(NOW)
    waited = look()
    assert end(strangers) == waited


digits = st.text("0123456789abcdefABCDEF", min_size=1, max_size=12)


@given(digits, digits)
@example("1F", "1f000")
@example("0", "000")
@example("A", "A01")
def test_sequencers_are_ordered_as_s3_orders_them(one: str, other: str) -> None:
    """As numbers, the shorter filled up with zeros on its right."""
    values = [int(text.ljust(12, "0"), 16) for text in (one, other)]
    texts = [read_sequencer(text) for text in (one, other)]
    assert (values[0] < values[1], values[0] == values[1]) == (texts[0] < texts[1], texts[0] == texts[1])


@pytest.mark.parametrize("text", ["", "xyz", "1F\n", "1" * 65, "٣"])
def test_what_is_no_sequencer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        read_sequencer(text)


def by_what_they_share(one: IncomingAggregate, other: IncomingAggregate) -> bool:
    """Compare two versions as one would at first: by S3's order where both have one, else by time."""
    if one.sequencer and other.sequencer and one.key == other.key:
        return one.sequencer < other.sequencer
    return one.received_at < other.received_at


def keep_the_larger(found: Iterable[IncomingAggregate]) -> IncomingAggregate:
    standing = None
    for row in found:
        standing = row if standing is None or by_what_they_share(standing, row) else standing
    assert standing
    return standing


def test_comparing_by_what_two_share_would_depend_on_the_order(aurora: CreatorAccount) -> None:
    """The control: three versions of one key of which each beats another, and what we make of them."""
    minute, of = dt.timedelta(minutes=1), {"bucket": "b", "key": "k"}
    first = make_row(cents=1, etag="a", sequencer="5", received_at=NOW, **of)
    second = make_row(cents=2, etag="b", sequencer="3", received_at=NOW + 2 * minute, **of)
    third = make_row(cents=3, etag="c", received_at=NOW + minute, **of)
    orders = ([first, second, third], [second, third, first], [third, first, second])
    assert len({keep_the_larger(order).etag for order in orders}) == 3
    assert {str(end(order)) for order in orders} == {str(end([third, second, first]))}
    assert EarningsAggregate.objects.get(category=TOTAL).gross_cents == 3
