"""Files for spreadsheets, in which no text becomes a formula, wherever the spreadsheet parts its cells."""

import csv
from decimal import Decimal
from io import StringIO

import pytest

from common.spreadsheets import defuse, write_csv


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d"])
@pytest.mark.parametrize("before", ["", ";", "a;", "\t", "a\t", "a,", "a\n", "a; ", 'a;"', "x|", "\r", " "])
def test_no_formula_begins_a_cell_however_it_is_parted(before: str, sign: str) -> None:
    written = defuse(f"{before}{sign}cmd|' /C calc'!A0")
    for mark in (";", "\t", ",", "\n", "\r", "|"):
        written = written.replace(mark, "\0")
    assert not [part for part in written.split("\0") if part.strip(' "').startswith(sign)]


@pytest.mark.parametrize(
    "text", ["Ada Star", "a-b", "1 + 1", "x=y", "org_1@example.test", "a; b", "Müller, Söhne", "it's"]
)
def test_other_texts_stay(text: str) -> None:
    assert defuse(text) == text


def test_what_is_no_text_is_written_as_it_is() -> None:
    written = "".join(write_csv([("a", "b"), ("=1+1;=2", Decimal("-1.50")), (None, -3)]))
    assert written[0] == "\ufeff"
    assert list(csv.reader(StringIO(written[1:]))) == [["a", "b"], ["'=1+1;'=2", "-1.50"], ["", "-3"]]


def test_a_file_without_rows_is_empty() -> None:
    assert "".join(write_csv([])) == "\ufeff"
