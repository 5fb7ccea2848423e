"""How the database finds what it needs, whatever the tables' sizes were when a session began."""

import datetime as dt

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
