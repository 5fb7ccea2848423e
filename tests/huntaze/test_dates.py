"""Staff read dates in one style everywhere: 2026-11-01 14:05 UTC."""

import datetime as dt
import re
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import formats

from huntaze.settings import BASE_DIR

_MOMENT = dt.datetime(2026, 11, 1, 14, 5, 9, tzinfo=dt.UTC)
_APPS = ("accounts", "alerts", "analytics", "billing", "huntaze", "jobs", "onlyfans", "workqueue")
# What customers get, on paper and by mail, names its months; a month in a sentence is called by its name as well.
_FOR_CUSTOMERS = ("templates/billing/email/", "billing/services/delivering/documents.py")
_OTHER_STYLE = re.compile(r"%-?[bBdje]\W{0,2}%[bBY]|%[bB]|\|date:\"[^\"]*[jFMNn][^\"]*\"")


def _sources() -> list[Path]:
    found = [path for app in _APPS for path in (BASE_DIR / app).rglob("*.py")]
    return [*found, *(BASE_DIR / "templates").rglob("*.html")]


def test_no_page_writes_a_date_in_another_style() -> None:
    others = [
        f"{path.relative_to(BASE_DIR)}: {match[0]}"
        for path in _sources()
        if not str(path.relative_to(BASE_DIR)).startswith(_FOR_CUSTOMERS)
        for match in _OTHER_STYLE.finditer(path.read_text())
    ]
    assert others == []


@pytest.mark.parametrize(
    ("name", "shown"), [("DATETIME_FORMAT", "2026-11-01 14:05:09 UTC"), ("DATE_FORMAT", "2026-11-01")]
)
def test_what_the_admin_writes_by_itself_has_the_same_style(name: str, shown: str) -> None:
    assert formats.date_format(_MOMENT, name) == shown
    assert Template("{{ moment }}").render(Context({"moment": _MOMENT})) == "2026-11-01 14:05:09 UTC"
