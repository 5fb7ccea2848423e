"""Invoices and credit notes as PDF files, laid out by Typst from `templates/billing/invoice.typ`.

A file is PDF/A-2a, made to be kept, and PDF/UA-1, made to be read aloud. It carries its own fonts, and none of
the machine's is used to make it, so that it is the same wherever it is made.
"""

import json
import os
import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import typst

from common.errors import Misconfigured, Permanent

_TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "billing"
# In quotes, for the name is in Typst's stubs alone.
_STANDARDS: "list[typst.PDFStandard]" = ["a-2a", "ua-1"]

# Controls, halves of a pair, private characters and non-characters: no font shows them and PDF/A refuses them.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff]"
)
# What turns the direction of all that follows, so that a name could rewrite the amount beside it.
_OVERRIDES = re.compile("[\u202a-\u202e]")
# Few texts have kana, hangul (the first of them is U+1100) or words too long for their column; the others are set as
# they are.
_UNUSUAL = re.compile(r"[\u1100-\U0010ffff]|\S{20}")
_COMBINING = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
# Scripts written with spaces break nowhere else, so an overlong word is set in pieces between which it may. Pieces,
# unlike spaces of no width, are not copied with an address.
_OVERLONG = re.compile(rf"([!-~\u00a1-\u058f{_COMBINING}]{{20,}})")
_PIECE = re.compile(rf".{{1,6}}[{_COMBINING}]*")


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends or who receives the document; `lines` is the postal address."""

    name: str
    lines: tuple[str, ...] = ()
    email: str = ""
    tax_id: str = ""


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One row of the table; `detail` says in sentences how the amount came about."""

    description: str
    amount: str
    detail: tuple[str, ...] = ()
    quantity: str = ""
    unit_price: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """All that stands on the page, written for people; what is empty is left out.

    Amounts come as `USD 1,234.56` and `-USD 0.50`; the table's head names the currency instead of each cell.
    `status_note` is stamped across every page (`DRAFT`, `VOID`).
    """

    kind: Literal["invoice", "credit_note"]
    number: str
    period_label: str
    issue_date: date
    currency: str
    seller: Party
    buyer: Party
    lines: tuple[DocumentLine, ...]
    subtotal: str
    tax_label: str
    tax: str
    total: str
    # What the customer's balance took off the total, or added to it; and what is due then.
    credit_label: str = ""
    credit: str = ""
    due: str = ""
    due_date: date | None = None
    status_note: str = ""
    payment_terms: str = ""
    pay_url: str = ""
    corrects_number: str = ""
    replaces_number: str = ""
    footer: str = ""


def render_invoice(document: Document) -> bytes:
    """Lay a document out as PDF; the same document gives the same bytes.

    Any number of threads may call it at once; they take turns. Raises Permanent where the document can't be laid
    out, Misconfigured in a process forked from one that has called it before.
    """
    printable = _printable(asdict(document), f"{document.currency} ")
    unusual = {text: _look_closely(text) for text in _list_texts(printable) if _UNUSUAL.search(text)}
    data = json.dumps({**printable, "unusual": unusual})
    issued = datetime.combine(document.issue_date, time(), tzinfo=UTC)
    try:
        return _typesetter.compile(data, issued, _STANDARDS)
    except typst.TypstError:
        # A character that none of the fonts has is against both standards, and no reason to send no invoice.
        pass
    try:
        return _typesetter.compile(data, issued, [])
    except typst.TypstError as error:
        raise Permanent(f"The PDF of {document.number} can't be laid out: {error.message}") from error


class _Typesetter:
    """A compiler with fonts and template in memory, for one document at a time.

    Compilers of one process share what they remember under locks: several at once finish no more pages, and each page
    takes half as much processor time again. Processes don't hinder each other.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._compiler: typst.Compiler | None = None
        self._pid: int | None = None

    def compile(self, data: str, issued: datetime, standards: "list[typst.PDFStandard]") -> bytes:
        self._refuse_fork()
        with self._turn:
            made = self._open().compile(
                format="pdf", sys_inputs={"document": data}, pdf_standards=standards, timestamp=issued
            )
        if not isinstance(made, bytes):
            raise TypeError(f"Typst gave {type(made).__name__} where it gives one PDF")
        return made

    def _refuse_fork(self) -> None:
        self._pid = self._pid or os.getpid()
        if self._pid != os.getpid():
            # Typst's threads stay behind in the parent, as may whoever has the turn: the child would wait for ever.
            raise Misconfigured("A process forked after it laid out a PDF can't lay out another: spawn it instead.")

    def _open(self) -> typst.Compiler:
        if self._compiler is None:
            fonts = typst.Fonts(
                include_system_fonts=False,
                include_embedded_fonts=False,
                font_paths=[_TEMPLATES / "fonts", Path(str(files("noto_cjk_sans_otc")))],
            )
            self._compiler = typst.Compiler(_TEMPLATES / "invoice.typ", root=_TEMPLATES, font_paths=fonts)
        return self._compiler


_typesetter = _Typesetter()


def _look_closely(text: str) -> dict[str, Any]:
    """Tell the language whose shapes a text wants, and where its overlong words may break."""
    parts = [_PIECE.findall(part) if at % 2 else part for at, part in enumerate(_OVERLONG.split(text))]
    return {"language": _find_language(text), "parts": parts}


def _find_language(text: str) -> str:
    # One ideograph has one code point and a shape in each language: kana and hangul tell which is meant.
    names = [unicodedata.name(char, "") for char in text if char >= "\u1100"]
    if any("HIRAGANA" in name or "KATAKANA" in name for name in names):
        return "ja"
    return "ko" if any("HANGUL" in name for name in names) else ""


def _list_texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict() | list():
            for each in value.values() if isinstance(value, dict) else value:
                yield from _list_texts(each)


def _printable(value: Any, currency: str) -> Any:
    """Leave out what no page shows, and keep a currency (given with its space) on one line with its figure."""
    match value:
        case str():
            shown = _UNPRINTABLE.sub(
                "\N{REPLACEMENT CHARACTER}", _OVERRIDES.sub("", unicodedata.normalize("NFC", value))
            )
            return shown.replace(currency, f"{currency[:-1]}\N{NO-BREAK SPACE}")
        case dict():
            return {key: _printable(each, currency) for key, each in value.items()}
        case list() | tuple():
            return [_printable(each, currency) for each in value]
        case date():
            return value.isoformat()
        case _:
            return value
