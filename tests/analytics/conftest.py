"""What tests of the event log share."""

from collections.abc import Iterator

import pytest
from django.db import connection

from analytics.selectors.partitions import list_months, name_table
from tests.analytics.months import THIS


@pytest.fixture
def _months_as_before(transactional_db: None) -> Iterator[None]:
    """Drop what a test left of months; the rows go as after every such test."""
    yield
    with connection.cursor() as cursor:
        for month in set(list_months()) - {THIS, THIS.plus(1)}:
            cursor.execute(f"DROP TABLE {name_table(month)}")
