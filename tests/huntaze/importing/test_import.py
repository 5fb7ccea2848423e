"""Bringing tables in: counts, rejects, going on, doing it twice, and what nobody takes yet."""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from boto3.dynamodb.types import Binary
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditEntry
from common import importing
from common.errors import Misconfigured
from common.importing import TABLES, Record, Result, Verdict, importer
from huntaze.importing.jobs import ImportDynamoDB
from huntaze.importing.running import sum_counts
from huntaze.models import ImportedRecord, ImportReject, TableImport
from jobs.models import JobRun
from tests.factories.runs import run
from tests.huntaze.importing.tables import Tables, tables

__all__ = ["tables"]
pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "rt-9f8e7d6c5b4a"


@pytest.fixture
def taken() -> Iterator[list[Record]]:
    """Take OAuth tokens in, as the app that is to come will, for this test only."""
    before = dict(importing._IMPORTERS)
    records: list[Record] = []

    @importer("oauth-tokens")
    def take(given: Any) -> list[Result]:
        records.extend(given)
        return [Result(Verdict.CREATED) for _ in given]

    yield records
    importing._IMPORTERS.clear()
    importing._IMPORTERS.update(before)


def bring(table: str, **params: Any) -> JobRun:
    return run("import-dynamodb", table=table, **params)


def counts(of: JobRun) -> dict[str, int]:
    return {name: of.summary[name] for name in ("read", "created", "updated", "unchanged", "kept", "rejected")}


def tokens(count: int) -> list[dict[str, Any]]:
    return [{"id": f"token-{place:03}", "provider": "reddit", "refreshToken": SECRET} for place in range(count)]


def test_every_table_can_be_asked_for() -> None:
    assert get_args(ImportDynamoDB.Params.model_fields["table"].annotation) == tuple(TABLES)


def test_what_nobody_takes_yet_is_kept_whole_and_encrypted(tables: Tables) -> None:
    item = {
        "id": "token-1",
        "refreshToken": SECRET,
        "expires": Decimal("1790000000.123456789012345678"),
        "count": Decimal("12345678901234567890123456789012345678"),
        "raw": Binary(b"\x00\xff\x10"),
        "scopes": {"read", "write"},
        "limits": {Decimal("1"), Decimal("2.5")},
        "nested": {"list": [True, None, {"deep": Binary(b"x")}]},
    }
    tables.make("oauth-tokens", item)
    ended = bring("oauth-tokens")
    assert (ended.status, counts(ended)) == (
        "succeeded",
        {"read": 1, "created": 0, "updated": 0, "unchanged": 0, "kept": 1, "rejected": 0},
    )
    kept = ImportedRecord.objects.get()
    assert (kept.key, kept.taken_at) == ("token-1", None)
    assert kept.record["expires"] == {"N": "1790000000.123456789012345678"}
    assert kept.record["raw"] == {"B": "AP8Q"}
    assert sorted(kept.record["scopes"]["SS"]) == ["read", "write"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT r::text FROM huntaze_importedrecord r")
        assert SECRET not in cursor.fetchone()[0]


def test_an_app_that_arrives_takes_what_was_kept(tables: Tables, request: pytest.FixtureRequest) -> None:
    tables.make("oauth-tokens", {"id": "token-1", "n": Decimal("1E+3"), "raw": Binary(b"\xff"), "s": {Decimal("2.5")}})
    bring("oauth-tokens")
    with pytest.raises(CommandError, match="Nobody takes oauth-tokens in yet"):
        call_command("import_dynamodb", table="oauth-tokens", prefix=tables.prefix, from_kept=True)
    taken: list[Record] = request.getfixturevalue("taken")
    for _ in range(2):
        call_command("import_dynamodb", table="oauth-tokens", prefix=tables.prefix, from_kept=True)
        (record,) = taken
        assert record.attributes == {"id": "token-1", "n": 1000, "raw": b"\xff", "s": {Decimal("2.5")}}
    assert ImportedRecord.objects.get().taken_at is not None


def test_what_was_kept_is_also_taken_by_the_next_import(tables: Tables, request: pytest.FixtureRequest) -> None:
    tables.make("oauth-tokens", *tokens(3))
    bring("oauth-tokens")
    taken: list[Record] = request.getfixturevalue("taken")
    assert counts(bring("oauth-tokens"))["created"] == 3
    assert counts(bring("oauth-tokens"))["unchanged"] == 3
    assert len(taken) == 3


def test_twice_is_once_and_changes_are_seen(tables: Tables) -> None:
    made = tables.make("of-threads", *({"id": f"thread-{place}"} for place in range(9)))
    assert counts(bring("of-threads"))["kept"] == 9
    again = bring("of-threads")
    assert (counts(again)["unchanged"], counts(again)["kept"]) == (9, 0)
    tables.put(made, {"id": "thread-3", "title": "Changed"}, {"id": "thread-9"})
    third = counts(bring("of-threads"))
    assert (third["read"], third["unchanged"], third["updated"], third["kept"]) == (10, 8, 1, 1)
    assert ImportedRecord.objects.count() == 10


def test_sets_that_come_in_another_order_are_the_same(tables: Tables) -> None:
    tables.make("of-threads", {"id": "t", "tags": {f"tag-{place}" for place in range(20)}})
    bring("of-threads")
    record = ImportedRecord.objects.get()
    record.record["tags"]["SS"].reverse()
    record.save()
    assert counts(bring("of-threads"))["unchanged"] == 1


def test_segments_share_a_table_and_a_composite_key_is_one(tables: Tables) -> None:
    messages = [{"thread": f"t{place % 5}", "id": f"m{place}"} for place in range(50)]
    tables.make("of-messages", *messages, hash_key="thread", range_key="id")
    ended = bring("of-messages", segments=4)
    assert (ended.expected, counts(ended)["kept"]) == (4, 50)
    assert ImportedRecord.objects.filter(key="2:t1 2:m1").count() == 1
    done = TableImport.objects.get()
    assert (done.segments, done.finished_at is not None, sum_counts(done)["read"]) == (4, True, 50)
    assert AuditEntry.objects.filter(verb="start", object_type="jobs.jobrun").count() == 1


def test_a_stopped_import_goes_on_in_as_many_segments_as_it_began(tables: Tables) -> None:
    tables.make("of-messages", *({"id": f"m{place}"} for place in range(20)))
    bring("of-messages", segments=2)
    TableImport.objects.update(finished_at=None)
    ended = bring("of-messages", segments=3)
    assert ended.expected == 2
    # All its segments are through: nothing is read again.
    assert counts(ended)["read"] == 20
    anew = bring("of-messages", segments=3, restart=True)
    assert (anew.expected, counts(anew)["unchanged"]) == (3, 20)


def test_a_dry_run_says_what_would_become_of_it_and_keeps_nothing(tables: Tables) -> None:
    tables.make("users", {"id": "u1", "email": "ada@example.test"}, {"id": "u2", "email": "nonsense"})
    ended = bring("users", dry_run=True)
    assert (counts(ended)["created"], counts(ended)["rejected"]) == (1, 1)
    assert ended.items.get().result["refused"] == {"u2": {"email": "This is no e-mail address."}}
    for model in (TableImport, ImportedRecord, ImportReject):
        assert not model.objects.exists()


def test_rejects_are_listed_with_reasons_and_gone_once_taken(tables: Tables, tmp_path: Path) -> None:
    made = tables.make("users", {"id": "=u1", "email": "nonsense"}, {"id": "u2", "email": "ada@example.test"})
    file = tmp_path / "rejects.csv"
    with pytest.raises(SystemExit) as ended:
        call_command("import_dynamodb", table="users", prefix=tables.prefix, rejects=file)
    assert ended.value.code == 1
    (row,) = list(csv.DictReader(file.open(encoding="utf-8-sig")))
    assert (row["table"], row["key"]) == (f"{tables.prefix}users", "'=u1")
    assert (row["attribute"], row["reason"]) == ("email", "This is no e-mail address.")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", row["refused_at"])
    tables.put(made, {"id": "=u1", "email": "boreal@example.test"})
    assert counts(bring("users"))["rejected"] == 0
    assert not ImportReject.objects.exists()


def test_a_record_that_nobody_foresaw_fails_alone(tables: Tables) -> None:
    tables.make(
        "users",
        {"id": "u1", "email": "ada@example.test", "onlyfansUserId": "of\x001"},
        {"id": "u2", "email": "b@x.test"},
    )
    ended = bring("users")
    assert (counts(ended)["created"], counts(ended)["rejected"]) == (1, 1)
    assert ImportReject.objects.get().key == "u1"


def test_what_blames_the_installation_stops_the_import_and_rejects_nothing(tables: Tables) -> None:
    before = dict(importing._IMPORTERS)

    @importer("of-threads")
    def take(given: Any) -> list[Result]:
        raise Misconfigured("A key is missing.")

    tables.make("of-threads", {"id": "t1"})
    ended = bring("of-threads")
    importing._IMPORTERS.clear()
    importing._IMPORTERS.update(before)
    assert (ended.status, ended.error) == ("failed", "A key is missing.")
    assert (ImportReject.objects.count(), ImportedRecord.objects.count()) == (0, 0)


def test_a_table_that_is_not_there_blames_the_installation(tables: Tables) -> None:
    ended = bring("users")
    assert ended.status == "failed"
    assert f"There is no table {tables.prefix}users in DynamoDB" in ended.error


def test_the_command_takes_the_table_s_whole_name_and_prints_counts(
    tables: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.make("of-threads", *({"id": f"t{place}"} for place in range(6)))
    with pytest.raises(SystemExit) as ended:
        call_command("import_dynamodb", table=f"{tables.prefix}of-threads", prefix=tables.prefix)
    told = capsys.readouterr()
    assert ended.value.code == 0
    assert re.search(r"read +6\n", told.out) and re.search(r"kept +6\n", told.out)
    assert "Nobody takes this table in yet" in told.out
    assert "6 of 6 (0 failed)" in told.err


def test_wrong_usage_is_one_line(tables: Tables) -> None:
    with pytest.raises(CommandError, match="there is no huntaze-cats"):
        call_command("import_dynamodb", table="huntaze-cats")
    with pytest.raises(CommandError, match="segments"):
        call_command("import_dynamodb", table="users", segments=65)
