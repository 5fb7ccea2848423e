import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pypdf
import pytest

from billing.providers.pdf import Document, DocumentLine, Party, render_invoice

ROOT = Path(__file__).resolve().parents[2]
FONTS = {file.stem for file in (ROOT / "templates" / "billing" / "fonts").glob("*.ttf")}

INVOICE = Document(
    kind="invoice",
    number="HTZ-2026-000123",
    period_label="October 2026",
    issue_date=date(2026, 11, 1),
    due_date=date(2026, 11, 15),
    currency="USD",
    seller=Party("Huntaze Inc.", ("548 Market Street", "San Francisco"), "billing@huntaze.example", "EIN 12-3456789"),
    buyer=Party("Étoile Søndergård ApS", ("Vesterbrogade 12",), "finance@etoile.example", "VAT DK12345678"),
    lines=(
        DocumentLine("Base fee", "USD 499.00", quantity="1", unit_price="USD 499.00"),
        DocumentLine("Commission on Luna Reyes", "USD 1,224.70", ("10 % of the first USD 10,000.00 = USD 1,000.00.",)),
        DocumentLine("Adjustment for September 2026", "-USD 12.40"),
        DocumentLine("Storage", "USD 0.00"),
    ),
    subtotal="USD 1,711.30",
    tax_label="VAT 10 %",
    tax="USD 171.13",
    total="USD 1,882.43",
    payment_terms="Payable within 14 days.",
    pay_url="https://pay.huntaze.example/i/HTZ-2026-000123",
    footer="Huntaze Inc., San Francisco",
)

# Scripts whose letters stand in the order in which they are written come back from the file letter by letter.
PLAIN_NAMES = [
    "Łukasz Żółć Ünsal",
    "Agência São João",
    "Πρακτορείο Αστέρι",
    "Агентство «Звезда» Її",
    "Công ty Truyền thông Ánh Sao",
    "株式会社さくらエージェンシー",
    "上海星光文化传媒有限公司",
    "주식회사 별빛",
    "ვარსკვლავი",
    "Աստղ",
    "ኮከብ",
    "𝓛𝓾𝓷𝓪 ꧁ ★ ♡ ʟᴜɴᴀ",  # noqa: RUF001 (as creators write their names)
]
SHAPED_NAMES = [
    "شركة النجوم للإعلام",
    "סוכנות כוכב",
    "บริษัท ดาวเด่น จำกัด",
    "सितारा एजेंसी",
    "তারকা সংস্থা",
    "நட்சத்திர முகமை",
    "నక్షత్రం",
    "ផ្កាយ",
    "ດາວ",
    "ကြယ်",
    "Luna 🌙✨👩‍👩‍👧🇩🇰❤️👍🏽",
]


def with_lines(count: int) -> Document:
    return replace(INVOICE, lines=tuple(DocumentLine(f"Creator {at:03d}", "USD 1.00") for at in range(count)))


def read(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf))


def texts(document: Document) -> list[str]:
    return [page.extract_text().replace("\N{NO-BREAK SPACE}", " ") for page in read(render_invoice(document)).pages]


def links(document: Document) -> set[str]:
    pages = read(render_invoice(document)).pages
    return {note.get_object()["/A"]["/URI"] for page in pages for note in page.get("/Annots", [])}


def drawn_glyphs(pdf: bytes) -> Iterator[int]:
    """Every glyph number shown on any page; 0 is the box that stands for a missing glyph."""
    for page in read(pdf).pages:
        content = page.get_contents()
        assert content is not None
        for operands, operator in content.operations:
            if operator not in (b"Tj", b"TJ"):
                continue
            shown = operands[0] if operator == b"TJ" else operands
            for piece in shown:
                if hasattr(piece, "original_bytes"):
                    codes = piece.original_bytes
                    yield from (int.from_bytes(codes[at : at + 2]) for at in range(0, len(codes), 2))


def fonts(pdf: bytes) -> set[str]:
    resources: list[Any] = [page["/Resources"] for page in read(pdf).pages]
    return {font.get_object()["/BaseFont"].split("+")[1] for each in resources for font in each["/Font"].values()}


def claims(pdf: bytes) -> set[str]:
    """The standards that the file says it meets."""
    catalog: Any = read(pdf).root_object
    metadata = catalog["/Metadata"].get_object().get_data().decode()
    return set(re.findall(r"<(pdf(?:a|ua)id:\w+>[^<]+)<", metadata))


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_page_says_everything() -> None:
    (page,) = texts(INVOICE)
    for said in (
        "Invoice", "HTZ-2026-000123", "1 November 2026", "15 November 2026", "October 2026",
        "Huntaze Inc.", "548 Market Street", "EIN 12-3456789",
        "Étoile Søndergård ApS", "Vesterbrogade 12", "finance@etoile.example", "VAT DK12345678",
        "Base fee", "1 499.00 499.00", "Commission on Luna Reyes", "10 % of the first USD 10,000.00 = USD 1,000.00.",
        "1,224.70", "\N{MINUS SIGN}12.40", "Storage 0.00", "Amount (USD)",
        "Subtotal 1,711.30", "VAT 10 % 171.13", "Total due USD 1,882.43",
        "Payable within 14 days.", "Huntaze Inc., San Francisco", "Page 1 of 1",
    ):  # fmt: skip
        assert said in page
    assert links(INVOICE) == {"https://pay.huntaze.example/i/HTZ-2026-000123"}


def test_a_column_that_no_line_fills_is_left_out() -> None:
    usage = DocumentLine("Usage messages", "USD 28.53", ("13,413 messages",), quantity="13,413")
    priced = DocumentLine("Seat", "USD 9.00", unit_price="USD 9.00")

    def head_and_lines(*lines: DocumentLine) -> str:
        (page,) = texts(replace(INVOICE, lines=lines))
        return page[page.index("Description") : page.index("Subtotal")].replace("\n", " ").strip()

    assert head_and_lines(usage) == "Description Quantity Amount (USD) Usage messages 13,413 messages 13,413 28.53"
    assert head_and_lines(priced) == "Description Unit price Amount (USD) Seat 9.00 9.00"


def test_the_file_says_what_it_is_and_can_be_kept_and_read_aloud() -> None:
    pdf = render_invoice(INVOICE)
    assert claims(pdf) == {"pdfaid:part>2", "pdfaid:conformance>A", "pdfuaid:part>1"}
    reader = read(pdf)
    catalog: Any = reader.root_object
    assert catalog["/Lang"] == "en-GB"
    assert catalog["/MarkInfo"]["/Marked"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Invoice HTZ-2026-000123"
    assert reader.metadata.author == "Huntaze Inc."
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.isoformat() == "2026-11-01T00:00:00+00:00"


def test_the_same_document_gives_the_same_bytes_in_another_process() -> None:
    code = """
import hashlib
from tests.billing import test_pdf as t
print(hashlib.sha256(t.render_invoice(t.INVOICE)).hexdigest())
"""
    first = hashlib.sha256(render_invoice(INVOICE)).hexdigest()
    render_invoice(with_lines(3))
    assert hashlib.sha256(render_invoice(INVOICE)).hexdigest() == first
    assert run_python(code, TZ="Asia/Tokyo", LC_ALL="C") == first
    assert hashlib.sha256(render_invoice(replace(INVOICE, total="USD 1,882.44"))).hexdigest() != first


@pytest.mark.parametrize(
    "name",
    ['#eval("x")', "*bold* _em_ `raw`", "$x^2$", "= Heading", "@ref <label>", "// comment", '"],"', "\\u{41} \\n", "#"],
)
def test_a_name_is_text_and_never_markup(name: str) -> None:
    document = replace(
        INVOICE, buyer=replace(INVOICE.buyer, name=name), lines=(DocumentLine(name, "USD 1.00", (name,)),)
    )
    assert "\n".join(texts(document)).count(name) == 3


def test_names_of_any_script_have_glyphs() -> None:
    names = PLAIN_NAMES + SHAPED_NAMES
    document = replace(INVOICE, lines=tuple(DocumentLine(f"\u2068{name}\u2069", "USD 1.00") for name in names))
    pdf = render_invoice(document)
    assert 0 not in set(drawn_glyphs(pdf))
    assert fonts(pdf) <= FONTS | {f"NotoSansCJK{tongue}-Regular-Identity-H" for tongue in ("jp", "sc", "kr")}
    assert claims(pdf) == claims(render_invoice(INVOICE))
    text = "\n".join(texts(document))
    assert [name for name in PLAIN_NAMES if name not in text] == []


def test_han_has_the_shapes_of_its_language() -> None:
    def used(name: str) -> set[str]:
        return fonts(render_invoice(replace(INVOICE, buyer=Party(name)))) - FONTS

    assert used("直樹さくら") == {"NotoSansCJKjp-Regular-Identity-H"}
    assert used("直樹") == {"NotoSansCJKsc-Regular-Identity-H"}
    assert used("直樹 별") == {"NotoSansCJKkr-Regular-Identity-H"}


def test_a_character_that_no_font_has_still_leaves_an_invoice() -> None:
    pdf = render_invoice(replace(INVOICE, buyer=Party("Egypt 𓀀")))
    assert 0 in set(drawn_glyphs(pdf))
    assert claims(pdf) == set()
    assert "Total due USD 1,882.43" in read(pdf).pages[0].extract_text().replace("\N{NO-BREAK SPACE}", " ")


def test_what_cannot_be_shown_is_replaced_and_what_turns_the_line_is_dropped() -> None:
    name = "a\x00b\x1bc\ud800d\ue000e\ufffff \u202egnp.exe\u202c"
    document = replace(INVOICE, buyer=Party(name))
    assert "a�b�c�d�e�f gnp.exe" in texts(document)[0]
    assert claims(render_invoice(document)) == claims(render_invoice(INVOICE))


def test_a_credit_note_names_what_it_corrects_and_asks_for_nothing() -> None:
    note = replace(
        INVOICE, kind="credit_note", number="HTZ-2026-000131", corrects_number="HTZ-2026-000123", due_date=None,
        lines=(DocumentLine("Commission on Luna Reyes", "-USD 120.00"),),
        subtotal="-USD 120.00", tax="USD 0.00", total="-USD 120.00",
    )  # fmt: skip
    (page,) = texts(note)
    assert page.startswith("Credit note")
    for said in (
        "HTZ-2026-000131",
        "Corrects invoice HTZ-2026-000123",
        "\N{MINUS SIGN}120.00",
        "Credit total \N{MINUS SIGN}USD 120.00",
    ):
        assert said in page
    for absent in ("Due", "due", "Pay online", "Quantity", "Unit price"):
        assert absent not in page
    assert links(note) == set()


def test_an_invoice_names_what_it_replaces_or_takes_back() -> None:
    (page,) = texts(replace(INVOICE, replaces_number="HTZ-2026-000122"))
    assert ("Replaces HTZ-2026-000122" in page, "Corrects" in page) == (True, False)
    (page,) = texts(replace(INVOICE, corrects_number="CN-2026-000003"))
    assert ("Corrects credit note CN-2026-000003" in page, "Replaces" in page) == (True, False)


@pytest.mark.parametrize("stamp", ["VOID", "DRAFT"])
def test_a_stamped_invoice_asks_for_nothing(stamp: str) -> None:
    stamped = replace(with_lines(30), status_note=stamp)
    pages = texts(stamped)
    assert len(pages) > 1
    assert all(stamp in page for page in pages)
    assert "Total USD 1,882.43" in pages[-1]
    assert "Pay online" not in "".join(pages)
    assert links(stamped) == set()
    assert not any(stamp in page for page in texts(with_lines(30)))


@pytest.mark.parametrize("count", [*range(21, 28), 500])
def test_a_table_of_any_length_keeps_its_head_its_numbers_and_its_totals(count: int) -> None:
    pages = texts(with_lines(count))
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert ("Creator " in page) == ("Amount (USD)" in page)
    (closing,) = [page for page in pages if "Subtotal" in page]
    assert f"Creator {count - 1:03d}" in closing
    assert re.findall(r"Creator (\d+)", "".join(pages)) == [f"{at:03d}" for at in range(count)]


def test_an_invoice_without_lines_has_its_totals() -> None:
    (page,) = texts(replace(INVOICE, lines=()))
    assert "Total due USD 1,882.43" in page


def test_a_long_word_is_broken_and_can_still_be_copied() -> None:
    name = "W" * 120
    url = "https://pay.huntaze.example/" + "a1b2" * 60
    document = replace(INVOICE, buyer=Party(name, email="accounts-payable.department@a-long-name.example"), pay_url=url)
    text = "".join(texts(document))
    rows = re.findall("W+", text)
    assert "".join(rows) == name
    assert max(map(len, rows)) <= 18
    assert "\u200b" not in text
    assert url in re.sub(r"\s", "", text)
    assert links(document) == {url}


def test_a_line_longer_than_a_page_is_shown_whole() -> None:
    steps = tuple(f"Step {at:03d} of the sum." for at in range(150))
    pages = texts(replace(INVOICE, lines=(DocumentLine("Commission", "USD 1.00", steps),)))
    assert re.findall(r"Step (\d+)", "".join(pages)) == [f"{at:03d}" for at in range(150)]


@pytest.mark.parametrize("before", [5, 15])
def test_totals_stand_with_a_last_line_of_many_sentences(before: int) -> None:
    steps = tuple(f"Step {at:03d} of the sum." for at in range(25))
    document = replace(INVOICE, lines=(*with_lines(before).lines, DocumentLine("Commission", "USD 1.00", steps)))
    (closing,) = [page for page in texts(document) if "Subtotal" in page]
    assert re.findall(r"Step (\d+)", closing) == [f"{at:03d}" for at in range(25)]


def test_threads_may_lay_out_at_once() -> None:
    documents = [with_lines(count) for count in range(1, 5)]
    alone = [render_invoice(document) for document in documents]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(render_invoice, documents)) == alone


def test_a_fork_of_a_process_that_laid_out_is_refused_rather_than_stuck() -> None:
    code = """
import os
from tests.billing import test_pdf as t
from common.errors import Misconfigured
t.render_invoice(t.INVOICE)
child = os.fork()
if child == 0:
    try:
        t.render_invoice(t.INVOICE)
    except Misconfigured as error:
        print(error.message, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    assert run_python(code) == "A process forked after it laid out a PDF can't lay out another: spawn it instead."
