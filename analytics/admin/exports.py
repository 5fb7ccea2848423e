"""A card's rows as a file: CSV or XLSX, in which no text is taken for a formula."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from io import BytesIO

from xlsxwriter import Workbook

from analytics.registry import Cell, Column, Content
from common import spreadsheets
from common.money import minor_digits

_SHEET_NAME = 31

type Value = str | int | Decimal | dt.date | None


def write_csv(content: Content) -> bytes:
    """Write a table as CSV."""
    return "".join(spreadsheets.write_csv(_rows(content))).encode()


def write_xlsx(content: Content, title: str) -> bytes:
    """Write a table as a workbook of one sheet; texts stay texts, amounts and days are what they are."""
    target = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(target, options) as book:
        sheet = book.add_worksheet("".join(one for one in title if one not in "[]:*?/\\")[:_SHEET_NAME])
        head, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
        for place, row in enumerate(_rows(content)):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(place, column, value, None if place else head)
                elif isinstance(value, dt.date):
                    sheet.write_datetime(place, column, dt.datetime.combine(value, dt.time()), day)
                elif value is not None:
                    sheet.write_number(place, column, value)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
    return target.getvalue()


def _rows(content: Content) -> Iterator[list[Value]]:
    """Go through the head and the rows of all parts; what the parts are called is a column where it tells something."""
    has_names = any(part.title for part in content.parts)
    has_money = any(cell.currency for part in content.parts for row in part.rows for cell in row)
    named = has_names and not has_money
    yield [*(["Source"] if named else []), *_titles(content.columns), *(["Currency"] if has_money else [])]
    for part in content.parts:
        for row in part.rows:
            currency = next((cell.currency for cell in row if cell.currency), "")
            yield [*([part.title] if named else []), *_values(row), *([currency] if has_money else [])]


def _titles(columns: Iterable[Column]) -> list[str]:
    return [column.title for column in columns]


def _values(row: Sequence[Cell]) -> list[Value]:
    return [
        Decimal(cell.value).scaleb(-minor_digits(cell.currency))
        if cell.currency and isinstance(cell.value, int)
        else cell.value
        for cell in row
    ]
