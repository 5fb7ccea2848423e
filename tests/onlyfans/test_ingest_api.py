"""The door by which monthly earnings come in: an outcome a row, whatever the others are."""

import json
from typing import Any, get_args

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEntry
from onlyfans.api.rows import Category
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision, UnmatchedAggregate
from tests.factories.billing import make_creator, make_organization

pytestmark = pytest.mark.django_db
SECRET = "cron-secret-of-these-tests"
ROW: dict[str, Any] = {
    "userId": "of_aurora",
    "month": "2026-10",
    "currency": "USD",
    "grossCents": 125_000,
    "netCents": 100_000,
}
OBJECT = {"bucket": "results", "key": "jobs/1/result.json", "etag": "a" * 32}
CATEGORIES = {
    "tips": {"grossCents": 100_000, "netCents": 80_000},
    "posts": {"grossCents": 25_000, "netCents": 20_000},
}


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> None:
    settings.CRON_SECRETS = (SECRET,)


@pytest.fixture
def aurora() -> CreatorAccount:
    return make_creator(make_organization(), onlyfans_user_id="of_aurora", display_name="Aurora Star")


def send(body: Any, **headers: str) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    given = headers or {"x-cron-secret": SECRET}
    return Client().post("/api/ingest/of-aggregates", text, content_type="application/json", headers=given)


def tell(body: Any) -> list[Any]:
    """Send rows; return the outcome of each, for a refused one the fields at fault."""
    answer = send(body)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    outcomes = answer.json()["outcomes"]
    assert [one["row"] for one in outcomes] == list(range(len(outcomes)))
    return [sorted(one["errors"]) if one["outcome"] == "rejected" else one["outcome"] for one in outcomes]


def stored() -> dict[str, tuple[int, int]]:
    return {row.category: (row.gross_cents, row.net_cents) for row in EarningsAggregate.objects.all()}


def test_the_first_version_of_a_month_is_created_and_kept(aurora: CreatorAccount) -> None:
    answer = send(ROW)
    assert answer.json() | {"timestamp": ""} == {
        "success": True,
        "timestamp": "",
        "counts": {"created": 1},
        "outcomes": [{"row": 0, "outcome": "created", "userId": "of_aurora", "month": "2026-10"}],
    }
    row = EarningsAggregate.objects.get()
    assert (row.creator, str(row.month), row.category) == (aurora, "2026-10-01", "uncategorized")
    assert (row.gross_cents, row.net_cents, row.currency, row.source) == (125_000, 100_000, "USD", "api")
    assert row.revision == EarningsRevision.objects.get()


def test_the_same_again_changes_nothing(aurora: CreatorAccount) -> None:
    assert tell(ROW) == ["created"]
    before = dict(EarningsAggregate.objects.values().get())
    assert [tell(ROW), tell([ROW, ROW])] == [["unchanged"], ["unchanged", "unchanged"]]
    after = dict(EarningsAggregate.objects.values().get())
    # When these figures were last told is known, and nothing else is new.
    assert str(after.pop("received_at")) > str(before.pop("received_at"))
    assert after == before
    assert tell({**ROW, "receivedAt": "2026-11-02T08:00:00Z"}) == ["unchanged"]
    assert EarningsRevision.objects.count() == 1


def test_other_figures_replace_and_the_former_are_kept(aurora: CreatorAccount) -> None:
    tell(ROW)
    assert tell({**ROW, "grossCents": 130_000}) == ["updated"]
    assert stored() == {"uncategorized": (130_000, 100_000)}
    versions = EarningsRevision.objects.order_by("received_at").values_list("parts", "source")
    assert list(versions) == [
        ({"uncategorized": [125_000, 100_000]}, "api"),
        ({"uncategorized": [130_000, 100_000]}, "api"),
    ]
    # And back again: what was sent last stands.
    assert tell(ROW) == ["updated"]
    assert stored() == {"uncategorized": (125_000, 100_000)}


def test_an_object_is_taken_once_however_often_it_is_delivered(aurora: CreatorAccount) -> None:
    first, second = {**ROW, **OBJECT}, {**ROW, **OBJECT, "etag": "b" * 32, "grossCents": 130_000}
    assert [tell(row) for row in (first, first, second, first, second)] == [
        ["created"],
        ["unchanged"],
        ["updated"],
        ["unchanged"],
        ["unchanged"],
    ]
    assert stored() == {"uncategorized": (130_000, 100_000)}


def test_older_versions_that_arrive_late_never_win(aurora: CreatorAccount) -> None:
    newer = {**ROW, **OBJECT, "sequencer": "0055AED6DCD90281F"}
    # Shorter, but larger where S3 compares: as hexadecimal, filled up on the right.
    older = {**ROW, **OBJECT, "etag": "b" * 32, "sequencer": "0055AED6DCD90281E5", "grossCents": 1}
    assert [tell(newer), tell(older)] == [["created"], ["stale"]]
    assert tell({**ROW, "grossCents": 2, "receivedAt": "2026-11-01T00:00:00Z"}) == ["stale"]
    assert stored() == {"uncategorized": (125_000, 100_000)}
    assert EarningsRevision.objects.count() == 3


def test_categories_take_the_place_of_totals(aurora: CreatorAccount) -> None:
    tell(ROW)
    by_category = {name: value for name, value in ROW.items() if not name.endswith("Cents")}
    assert tell({**by_category, "categories": CATEGORIES}) == ["updated"]
    assert stored() == {"uncategorized": (0, 0), "tips": (100_000, 80_000), "posts": (25_000, 20_000)}
    assert tell({**ROW, "categories": CATEGORIES}) == ["unchanged"]
    assert tell({**ROW, "categories": CATEGORIES, "netCents": 99}) == [["netCents"]]


def test_a_user_whom_nobody_knows_waits(aurora: CreatorAccount) -> None:
    assert tell([{**ROW, "userId": "of_stranger"}, ROW]) == ["unmatched", "created"]
    assert tell({**ROW, "userId": "of_stranger"}) == ["unmatched"]
    assert UnmatchedAggregate.objects.get().onlyfans_user_id == "of_stranger"
    assert EarningsAggregate.objects.get().creator == aurora


NO_NUMBER = "9" * 5_000
BAD: list[tuple[Any, list[str] | None]] = [
    ("7", ["row"]),
    ("null", ["row"]),
    ("[]", ["row"]),
    ("[[[[[[]]]]]]", ["row"]),
    ("{}", ["currency", "month", "userId"]),
    ('{"month": 7, "month": 8}', ["row"]),
    (r'{"\ud800": 1}', None),
    ({"more": 1}, ["more"]),
    ({"user_id": "of_aurora"}, ["user_id"]),
    ({"userId": ""}, ["userId"]),
    ({"userId": "of aurora"}, ["userId"]),
    ({"userId": "\x00"}, ["userId"]),
    ({"userId": "\u200b"}, ["userId"]),
    ({"userId": "\ud800"}, ["userId"]),
    ({"userId": "x" * 65}, ["userId"]),
    ({"userId": 7}, ["userId"]),
    ({"month": "2026-13"}, ["month"]),
    ({"month": "\ud800" * 1_000}, ["month"]),
    ({"month": "2026-10\n"}, ["month"]),
    ({"month": "2999-12"}, ["month"]),
    ({"currency": "usd"}, ["currency"]),
    ({"currency": "USD\n"}, ["currency"]),
    ({"grossCents": True}, ["grossCents"]),
    ({"grossCents": "1"}, ["grossCents"]),
    ({"grossCents": 1.0}, ["grossCents"]),
    ({"grossCents": float("nan")}, ["grossCents"]),
    ({"grossCents": float("inf"), "netCents": -(10**15)}, ["grossCents", "netCents"]),
    ({"grossCents": None}, ["grossCents"]),
    ({"netCents": int("9" * 4_000)}, ["netCents"]),
    ({"grossCents": {"a": [{}]}}, ["grossCents"]),
    ({"categories": {}}, ["categories"]),
    ({"categories": {"gifts": {"grossCents": 1, "netCents": 1}}}, ["categories.gifts"]),
    ({"categories": {"tips": {"grossCents": 1}}}, ["categories.tips.netCents"]),
    ({"categories": [1]}, ["categories"]),
    ({"bucket": "b"}, ["etag", "key"]),
    ({"sequencer": "1F"}, ["bucket", "etag", "key"]),
    ({**OBJECT, "sequencer": "xyz"}, ["sequencer"]),
    ({**OBJECT, "key": "k\x00"}, ["key"]),
    ({"receivedAt": "2026-10-31"}, ["receivedAt"]),
    ({"receivedAt": "2026-10-31T00:00:00"}, ["receivedAt"]),
    ({"receivedAt": "2999-01-01T00:00:00Z"}, ["receivedAt"]),
    ({"receivedAt": "0001-01-01T00:00:00+14:00"}, ["receivedAt"]),
]


def bodies() -> list[str]:
    return [part if isinstance(part, str) else json.dumps(ROW | part) for part, _ in BAD]


@pytest.mark.parametrize(
    "place", range(len(BAD)), ids=[str(part)[:40].encode("ascii", "replace").decode() for part, _ in BAD]
)
def test_a_bad_row_is_refused_by_field_and_leaves_its_neighbours(place: int, aurora: CreatorAccount) -> None:
    good = json.dumps(ROW)
    outcomes = tell(f"[{good}, {bodies()[place]}, {good}]")
    faults = BAD[place][1]
    assert (outcomes[0], outcomes[2]) == ("created", "unchanged")
    assert isinstance(outcomes[1], list) and (faults is None or outcomes[1] == faults)
    assert stored() == {"uncategorized": (125_000, 100_000)}


def test_all_bad_rows_at_once_are_refused_and_write_nothing(aurora: CreatorAccount) -> None:
    answer = send(f"[{', '.join(bodies())}]")
    assert answer.json()["counts"] == {"rejected": len(BAD)}
    assert len(answer.content) < 20_000
    for model in (EarningsAggregate, EarningsRevision, UnmatchedAggregate, AuditEntry):
        assert not model.objects.exists()


def test_why_a_text_is_refused_is_said_in_words(aurora: CreatorAccount) -> None:
    answer = send([{**ROW, "userId": "of aurora", "currency": "usd"}]).json()
    assert answer["outcomes"][0]["errors"] == {
        "userId": ["Give OnlyFans' user id, without spaces."],
        "currency": ["Give the code of a currency that Stripe bills in, in capital letters, like USD."],
    }


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        (
            {"categories": {"gifts": {"grossCents": 1, "netCents": 1}}},
            "categories.gifts",
            "There is no such name here: use subscriptions, tips, messages, posts, streams, referrals, chargebacks or "
            "uncategorized.",
        ),
        ({"categories": {"tips": {"grossCents": 1}}}, "categories.tips.netCents", "This is required."),
        ({"categories": [1]}, "categories", "Give an object."),
        ({"month": "2026-13"}, "month", "“2026-13” is not a month: write it as year and month, like 2026-10."),
        ({"month": 7}, "month", "Give a text."),
        ({"grossCents": "1"}, "grossCents", "Give a whole number."),
        ({"grossCents": 1.5}, "grossCents", "Give a whole number."),
        ({"netCents": -(10**14) - 1}, "netCents", "Give at least -100,000,000,000,000."),
        ({"grossCents": 10**14 + 1}, "grossCents", "Give at most 100,000,000,000,000."),
        ({"userId": "x" * 65}, "userId", "Give at most 64 characters."),
        ({"more": 1}, "more", "There is no such field."),
        ({**OBJECT, "sequencer": "xyz"}, "sequencer", "Give S3's sequencer: at most 64 hexadecimal digits."),
        ({**OBJECT, "key": "k\x00"}, "key", "This holds a character that is not allowed: NUL."),
        (
            {"receivedAt": "2026-10-31"},
            "receivedAt",
            "Give an instant with its time zone, like 2026-10-01T02:00:00Z.",
        ),
    ],
    ids=str,
)
def test_each_fault_is_a_sentence_about_its_field(
    aurora: CreatorAccount, row: dict[str, Any], field: str, said: str
) -> None:
    assert send([{**ROW, **row}]).json()["outcomes"][0]["errors"][field] == [said]


def test_numbers_beyond_reason_spoil_their_row_alone(aurora: CreatorAccount) -> None:
    spoilt = json.dumps(ROW).replace("125000", NO_NUMBER)
    assert tell(f"[{spoilt}, {json.dumps(ROW)}]") == [["grossCents"], "created"]


@pytest.mark.parametrize("body", ["{", "[1,]", "\xff", "[" * 100_000, '{"a": ' * 50_000, b"\xff\xfe"])
def test_what_is_no_json_is_malformed(body: Any) -> None:
    assert send(body).status_code == 400


def test_a_list_without_rows_has_no_outcomes() -> None:
    assert tell([]) == []


@pytest.mark.parametrize(
    "row",
    [
        {"categories": {f"gift{place}": 1 for place in range(100_000)}},
        {f"more{place}": [[]] for place in range(100_000)},
        {"userId": "x" * 1_000_000, "month": "x" * 1_000_000},
        {"categories": {"tips": {"x" * 1_000_000: 1}}},
    ],
    ids=["categories", "fields", "texts", "names"],
)
def test_a_huge_row_is_refused_in_few_words(row: dict[str, Any], aurora: CreatorAccount) -> None:
    answer = send([ROW | row, ROW])
    assert answer.json()["counts"] == {"rejected": 1, "created": 1}
    assert len(answer.content) < 10_000


def test_ten_thousand_rows_are_taken_in_one_call(aurora: CreatorAccount) -> None:
    rows = [{**ROW, "userId": f"of_{place % 5_000}", "netCents": place} for place in range(9_999)]
    assert tell([*rows, ROW]) == ["unmatched"] * 9_999 + ["created"]
    assert UnmatchedAggregate.objects.count() == 9_999


def test_only_who_shows_the_secret_is_let_in(aurora: CreatorAccount) -> None:
    assert send(ROW, authorization=f"Bearer {SECRET}").status_code == 200
    for headers in ({"x-cron-secret": "wrong"}, {"x-api-key": SECRET}, {"x-vercel-cron": "1"}):
        assert send({**ROW, "grossCents": 1}, **headers).status_code == 403
    assert stored() == {"uncategorized": (125_000, 100_000)}


def test_a_call_that_changes_something_leaves_one_entry(aurora: CreatorAccount) -> None:
    tell([ROW, {**ROW, "userId": "of_stranger"}, 7])
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.door, entry.who) == ("ingest", "api", "cron secret 1")
    assert entry.after == {"earnings": {"created": 1, "unmatched": 1, "rejected": 1}}
    tell([ROW, 7])
    assert AuditEntry.objects.count() == 1


def test_every_category_there_is_can_be_sent() -> None:
    assert set(get_args(Category.__value__)) == set(EarningsAggregate.Category.values)
