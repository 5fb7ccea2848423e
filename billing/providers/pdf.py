"""Invoices and credit notes as PDF files, laid out by Typst from `templates/billing/invoice.typ`.

The file is PDF/A-2a (made to be kept) and PDF/UA-1 (readable by a screen reader). It carries its own fonts,
so it looks the same on every machine, and none of the machine's fonts is used to make it.
"""

import json
import threading
import unicodedata
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import typst

from common.errors import Permanent

_TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "billing"
_STANDARDS: list[Literal["a-2a", "ua-1"]] = ["a-2a", "ua-1"]


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends or receives the document; `lines` is the postal address."""

    name: str
    lines: tuple[str, ...] = ()
    email: str = ""
    tax_id: str = ""


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One row; `detail` says in sentences how the amount came about, amounts are written for people."""

    description: str
    amount: str
    detail: tuple[str, ...] = ()
    quantity: str = ""
    unit_price: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """All that stands on the page. Amounts are written as `USD 1,234.56`, negative ones as `-USD 12.00`."""

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
    due_date: date | None = None
    status_note: str = ""
    payment_terms: str = ""
    pay_url: str = ""
    corrects_number: str = ""
    footer: str = ""


class _Typesetter:
    """A compiler that keeps fonts and template in memory between documents."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiler: typst.Compiler | None = None

    def typeset(self, data: str, at: datetime) -> bytes:
        with self._lock:
            if self._compiler is None:
                fonts = typst.Fonts(
                    include_system_fonts=False,
                    include_embedded_fonts=True,
                    font_paths=[_TEMPLATES / "fonts", Path(str(files("noto_cjk_sans_otc")))],
                )
                self._compiler = typst.Compiler(_TEMPLATES / "invoice.typ", root=_TEMPLATES, font_paths=fonts)
            made = self._compiler.compile(
                format="pdf", sys_inputs={"document": data}, pdf_standards=_STANDARDS, timestamp=at
            )
        assert isinstance(made, bytes)
        return made


_typesetter = _Typesetter()


def render_invoice(document: Document) -> bytes:
    """Lay a document out as PDF; the same document gives the same bytes.

    Raises Permanent where the document can't be laid out.
    """
    at = datetime.combine(document.issue_date, time(), tzinfo=UTC)
    try:
        return _typesetter.typeset(json.dumps(asdict(document), default=str), at)
    except typst.TypstError as error:
        raise Permanent(f"The PDF of {document.number} can't be laid out: {error.message}") from error
