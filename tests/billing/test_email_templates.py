import re
from datetime import date
from typing import Any

import pytest
from django.template.loader import render_to_string

INVOICE: dict[str, Any] = {
    "kind": "invoice",
    "number": "HTZ-2026-000123",
    "month_label": "October 2026",
    "total_display": "USD 4,296.31",
    "due_display": "USD 4,296.31",
    "settled_display": "",
    "due_date": date(2026, 11, 15),
    "pay_url": "https://pay.huntaze.example/i/1?a=1&b=2",
    "corrects_number": "",
    "replaces_number": "",
    "organization_name": "Étoile <b>& Søn</b>",
    "seller_name": "Huntaze",
    "support_email": "billing@huntaze.example",
}
CREDIT_NOTE = {
    **INVOICE,
    "kind": "credit_note",
    "number": "HTZ-2026-000131",
    "corrects_number": "HTZ-2026-000123",
    "total_display": "-USD 120.00",
    "due_display": "",
}
SUMMARY: dict[str, Any] = {
    "month_label": "October 2026",
    "dry_run": False,
    "organizations": 412,
    "invoices": 405,
    "held": 3,
    "errors": [("generate", 0), ("storage", 1), ("stripe", 2)],
    "errors_total": 3,
    "invoiced": ["USD 1,234,567.80", "EUR 9,900.00"],
    "duration": "1 min 12 s",
    "run_url": "https://office.huntaze.example/admin/jobs/jobrun/7/",
}


def mail(name: str, **context: Any) -> str:
    return render_to_string(f"billing/email/{name}", context)


@pytest.mark.parametrize("body", ["invoice.txt", "invoice.html"])
def test_an_invoice_says_what_to_pay_by_when_and_where(body: str) -> None:
    text = mail(body, invoice=INVOICE)
    for said in ("HTZ-2026-000123", "October 2026", "USD 4,296.31", "15 November 2026", "billing@huntaze.example"):
        assert said in text
    assert "Credit" not in text


@pytest.mark.parametrize("body", ["invoice.txt", "invoice.html"])
def test_an_invoice_asks_for_what_credit_leaves_to_pay(body: str) -> None:
    text = mail(body, invoice={**INVOICE, "due_display": "USD 3,296.31", "settled_display": "USD 1,000.00"})
    for said in ("USD 3,296.31", "USD 1,000.00", "USD 4,296.31", "Amount due"):
        assert said in text
    covered = mail(body, invoice={**INVOICE, "due_display": "", "due_date": None, "pay_url": ""})
    assert "no payment is due" in covered.lower()
    assert "Amount due" not in covered


@pytest.mark.parametrize("body", ["invoice.txt", "invoice.html"])
def test_an_invoice_says_what_it_replaces(body: str) -> None:
    assert "It replaces HTZ-2026-000122." in mail(body, invoice={**INVOICE, "replaces_number": "HTZ-2026-000122"})
    assert "replaces" not in mail(body, invoice=INVOICE)


@pytest.mark.parametrize("body", ["invoice.txt", "invoice.html"])
def test_a_credit_note_asks_for_nothing(body: str) -> None:
    text = mail(body, invoice=CREDIT_NOTE)
    for said in ("credit note", "HTZ-2026-000131", "corrects invoice HTZ-2026-000123", "-USD 120.00"):
        assert said in text
    for absent in ("Pay online", "pay.huntaze.example", "15 November", "Total due"):
        assert absent not in text


def test_a_name_is_shown_as_it_is_and_is_no_markup() -> None:
    assert "Hello Étoile <b>& Søn</b>," in mail("invoice.txt", invoice=INVOICE)
    assert "https://pay.huntaze.example/i/1?a=1&b=2\n" in mail("invoice.txt", invoice=INVOICE)
    html = mail("invoice.html", invoice=INVOICE)
    assert "Hello Étoile &lt;b&gt;&amp; Søn&lt;/b&gt;," in html
    assert 'href="https://pay.huntaze.example/i/1?a=1&amp;b=2"' in html


@pytest.mark.parametrize("body", ["invoice.txt", "invoice.html"])
def test_nothing_to_pay_leaves_out_when_and_where(body: str) -> None:
    text = mail(
        body, invoice={**INVOICE, "due_date": None, "pay_url": "", "total_display": "USD 0.00", "due_display": ""}
    )
    assert "USD 0.00" in text
    for absent in ("Pay online", "None", "Due by", ">by "):
        assert absent not in text


def test_subjects_are_one_line() -> None:
    assert mail("invoice_subject.txt", invoice=INVOICE).splitlines() == [
        "Invoice HTZ-2026-000123 from Huntaze for October 2026: USD 4,296.31"
    ]
    assert mail("invoice_subject.txt", invoice=CREDIT_NOTE).splitlines() == [
        "Credit note HTZ-2026-000131 from Huntaze for October 2026: -USD 120.00"
    ]
    assert mail("summary_subject.txt", summary=SUMMARY).splitlines() == [
        "Billing for October 2026: 3 errors, 3 held",
    ]
    assert mail("summary_subject.txt", summary={**SUMMARY, "dry_run": True, "errors_total": 0, "held": 0}).strip() == (
        "Dry run of billing for October 2026: all well"
    )


def test_the_summary_says_every_figure() -> None:
    text = mail("summary.txt", summary=SUMMARY)
    for line in (
        "Billing for October 2026",
        "Organizations processed: 412",
        "Invoices: 405",
        "Held for approval: 3",
        "Invoiced: USD 1,234,567.80; EUR 9,900.00",
        "Processing time: 1 min 12 s",
        "Errors: 3",
        "  generate: 0",
        "  storage: 1",
        "  stripe: 2",
        "https://office.huntaze.example/admin/jobs/jobrun/7/",
    ):
        assert line in text.splitlines()
    assert "Nothing was kept" not in text


def test_the_summary_as_html_says_the_same() -> None:
    html = re.sub(r"\s*<[^>]+>\s*", "|", mail("summary.html", summary=SUMMARY))
    html = re.sub(r"\|+", "|", html)
    for row in (
        "|Organizations processed|412|",
        "|Invoices|405|",
        "|Held for approval|3|",
        "|Invoiced|USD 1,234,567.80|EUR 9,900.00|",
        "|Processing time|1 min 12 s|",
        "|Errors|3|generate|0|storage|1|stripe|2|",
    ):
        assert row in html
    assert "Nothing was kept" not in html


@pytest.mark.parametrize("body", ["summary.txt", "summary.html"])
def test_a_dry_run_says_so(body: str) -> None:
    text = mail(body, summary={**SUMMARY, "dry_run": True, "invoiced": []})
    assert "Dry run of billing for October 2026" in text
    assert "Nothing was kept" in text
    assert "none" in text


@pytest.mark.parametrize("body", ["summary.txt", "summary.html"])
def test_the_summary_of_a_day_says_whom_it_covered(body: str) -> None:
    assert "due by" not in mail(body, summary=SUMMARY)
    assert "For those due by 2026-11-15." in mail(body, summary={**SUMMARY, "due_by": "2026-11-15"})
