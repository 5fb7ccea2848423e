"""How the database finds earnings, whatever the tables' sizes were when a session began, and tells versions apart."""

import datetime as dt
import hashlib
import uuid

import pytest
from django.db import connection

from onlyfans.models import EarningsAggregate
from onlyfans.services.ingesting import IncomingAggregate
from tests.factories.billing import make_creator, make_organization
from tests.factories.earnings import NOW, make_row, take_in

pytestmark = pytest.mark.django_db
_TABLES = ["onlyfans_creatoraccount", "onlyfans_earningsrevision", "onlyfans_earningsaggregate"]


def count_scans() -> int:
    """How often this transaction read one of the tables from end to end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(seq_scan)::int FROM pg_stat_xact_user_tables WHERE relname = ANY (%s)", [_TABLES])
        found: int = cursor.fetchone()[0]
    return found


@pytest.mark.parametrize("beside", [(), (make_row("of_nobody"),)], ids=["one", "many"])
def test_taking_in_never_reads_a_table_from_end_to_end(beside: tuple[IncomingAggregate, ...]) -> None:
    make_creator(make_organization(), onlyfans_user_id="of_aurora")
    with connection.cursor() as cursor:
        # As in a session that begins while the tables are known to be empty.
        cursor.execute(f"ANALYZE {', '.join(_TABLES)}")
        cursor.execute("DISCARD PLANS")
    before = count_scans()
    assert take_in(make_row(cents=1_000), *beside)[0] == "created"
    assert take_in(make_row(cents=2_000, received_at=NOW + dt.timedelta(hours=1)), *beside)[0] == "updated"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert count_scans() == before
    assert EarningsAggregate.objects.get().gross_cents == 2_000


def test_a_fingerprint_is_of_the_bytes_of_all_that_tells_versions_apart() -> None:
    """A backslash, a quote and what is no ASCII are told apart from what they might be taken for."""
    keys = ["jobs/1.json", "jobs\\1.json", "jobs'1.json", r"jobs\0611.json", "jobs/é€😀.json"]
    # As the database quotes: with doubled quotes, and where there is a backslash with an E and doubled ones.
    quoted = ["'jobs/1.json'", r"E'jobs\\1.json'", "'jobs''1.json'", r"E'jobs\\0611.json'", "'jobs/é€😀.json'"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT onlyfans_fingerprint('b', key, 'e', 'api', 'USD', '{\"tips\": [1, 2]}') "
            "FROM unnest(%s::text[]) key",
            [keys],
        )
        found = [one for (one,) in cursor.fetchall()]
    said = [f"""'b'{key}'e'USD{{"tips": [1, 2]}}""".encode() for key in quoted]
    assert found == [uuid.UUID(bytes=hashlib.sha256(one).digest()[:16]) for one in said]


def test_the_database_writes_a_fingerprint_into_the_statement_that_asks_for_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN VERBOSE SELECT onlyfans_fingerprint(bucket, key, etag, source, currency, parts) "
            "FROM onlyfans_earningsrevision"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "sha256" in plan
    assert "onlyfans_fingerprint" not in plan
