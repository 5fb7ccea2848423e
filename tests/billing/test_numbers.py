"""Numbers without a gap, and what the database itself refuses to change about an issued invoice."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, transaction
from pytest_django import Settings

from accounts.models import Organization
from billing.models import Invoice, InvoiceLine, NumberSeries
from billing.selectors.series import get_series_report, list_strays
from billing.services.correcting import approve_invoice, credit_invoice, void_invoice
from billing.services.numbering import finalize_invoices
from common.clock import Month, now
from common.errors import Permanent
from jobs.engine.batch import Batch
from jobs.engine.claims import claim
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import expand_run, read_params, start
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT, make_draft, make_invoice
from tests.factories.runs import bill, bill_here

NEXT_YEAR = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


def draft(cents: int = 10_000, month: Month = AUGUST) -> Invoice:
    organization = make_organization(make_plan(issue_zero_invoices=True))
    earn(make_creator(organization), month, cents)
    return make_draft(organization, month)


def check_series() -> None:
    for series in NumberSeries.objects.all():
        assert get_series_report(series).is_sound, get_series_report(series).verdict
    assert list_strays() == []


@pytest.mark.django_db
class TestNumbers:
    def test_each_kind_and_year_counts_by_itself(self) -> None:
        first, second, third = draft(), draft(), draft()
        given = finalize_invoices([first.pk, second.pk], ISSUED_AT)
        assert given == {first.pk: "INV-2026-000001", second.pk: "INV-2026-000002"}
        assert finalize_invoices([third.pk], NEXT_YEAR) == {third.pk: "INV-2027-000001"}
        credits = [
            credit_invoice(invoice.pk, actor=None, reason="Wrong", now=at).number
            for invoice, at in ((first, ISSUED_AT), (second, NEXT_YEAR), (third, NEXT_YEAR))
        ]
        assert credits == ["CN-2026-000001", "CN-2027-000001", "CN-2027-000002"]
        check_series()

    def test_dates_are_those_of_the_instant_passed_in(self, settings: Settings) -> None:
        settings.INVOICE_DUE_DAYS = 30
        invoice = draft()
        finalize_invoices([invoice.pk], dt.datetime(2026, 12, 31, 23, 59, tzinfo=dt.UTC))
        invoice.refresh_from_db()
        assert (invoice.number, invoice.issue_date, invoice.due_date) == (
            "INV-2026-000001", dt.date(2026, 12, 31), dt.date(2027, 1, 30),
        )  # fmt: skip

    def test_dates_follow_the_numbers(self, settings: Settings) -> None:
        """Who waited for the counter over midnight was overtaken: its number is later, and so is its date."""
        settings.INVOICE_DUE_DAYS = 14
        first, second, third = draft(), draft(), draft()
        before, after = dt.datetime(2026, 9, 1, 23, 59, 59, tzinfo=dt.UTC), dt.datetime(2026, 9, 2, tzinfo=dt.UTC)
        finalize_invoices([first.pk], after)
        finalize_invoices([second.pk], before)
        finalize_invoices([third.pk], after + dt.timedelta(days=1))
        issued = Invoice.objects.exclude(number=None).order_by("number")
        assert [(one.pk, one.number, one.issue_date, one.due_date) for one in issued] == [
            (first.pk, "INV-2026-000001", dt.date(2026, 9, 2), dt.date(2026, 9, 16)),
            (second.pk, "INV-2026-000002", dt.date(2026, 9, 2), dt.date(2026, 9, 16)),
            (third.pk, "INV-2026-000003", dt.date(2026, 9, 3), dt.date(2026, 9, 17)),
        ]

    def test_prefixes_are_settings(self, settings: Settings) -> None:
        settings.INVOICE_PREFIX = "HTZ"
        assert make_invoice().number == "HTZ-2026-000001"

    def test_the_six_digits_grow(self) -> None:
        NumberSeries.objects.create(prefix="INV", year=2026, last_number=999_999)
        assert make_invoice().number == "INV-2026-1000000"

    def test_again_gives_nothing(self) -> None:
        invoice = draft()
        finalize_invoices([invoice.pk], ISSUED_AT)
        assert finalize_invoices([invoice.pk, invoice.pk, 10**9], ISSUED_AT) == {}
        assert NumberSeries.objects.get().last_number == 1

    def test_what_was_rolled_back_was_not_given(self) -> None:
        first, second = draft(), draft()
        with pytest.raises(RuntimeError), transaction.atomic():
            finalize_invoices([first.pk], ISSUED_AT)
            raise RuntimeError
        assert finalize_invoices([second.pk], ISSUED_AT) == {second.pk: "INV-2026-000001"}
        check_series()

    def test_a_total_that_is_not_the_sum_of_its_lines_is_never_issued(self) -> None:
        good, bad = draft(), draft()
        bad.lines.update(amount_cents=1)
        with pytest.raises(Permanent, match="not the sum of the lines"):
            finalize_invoices([good.pk, bad.pk], ISSUED_AT)
        assert not NumberSeries.objects.exists()
        empty = draft()
        empty.lines.all().delete()
        with pytest.raises(Permanent, match="not the sum of the lines"):
            finalize_invoices([empty.pk], ISSUED_AT)

    def test_voiding_keeps_the_number_and_frees_the_month(self) -> None:
        invoice = make_invoice()
        void_invoice(invoice.pk, actor=None, reason="Wrong")
        bill_here(AUGUST, invoice.organization_id)
        assert list(Invoice.objects.order_by("id").values_list("number", "status")) == [
            ("INV-2026-000001", "void"),
            ("INV-2026-000002", "finalized"),
        ]
        check_series()

    def test_the_report_sees_what_is_missing(self, capsys: pytest.CaptureFixture[str]) -> None:
        make_invoice()
        call_command("check_invoice_numbers")
        assert capsys.readouterr().out == "INV-2026 is sound: 1 given, each found once.\n"
        NumberSeries.objects.update(last_number=3)
        with pytest.raises(SystemExit) as ended:
            call_command("check_invoice_numbers")
        assert ended.value.code == 1
        assert capsys.readouterr().out == "INV-2026 is broken: 2 missing, the first INV-2026-000002.\n"


@pytest.mark.django_db(transaction=True)
def test_the_date_is_that_of_the_number_not_of_the_claim() -> None:
    """A batch that was claimed the day before, and took until now to be pulled, has today's date and year."""
    earn(make_creator(make_organization()), AUGUST, 10_000)
    job = get_job("monthly-billing")
    started, _ = start(job, read_params(job, {"month": AUGUST, "deliver": False}), JobRun.Trigger.COMMAND)
    run = expand_run(started.pk)
    claimed_at = now().replace(year=now().year - 1)
    with ThreadPoolExecutor(1) as pool:
        context = Context(run, claim(run, 1), claimed_at, pool, lambda: False)
        Batch(job(job.Params.model_validate(run.params)), context).run()
    invoice = Invoice.objects.get()
    assert (invoice.number, invoice.issue_date) == (f"INV-{now().year}-000001", now().date())
    assert invoice.finalized_at is not None and now() - invoice.finalized_at < dt.timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_fails_leaves_no_gap() -> None:
    """One bad draft among nine: it alone fails, and the others have their numbers one by one."""
    organizations = [make_organization(account={"max_total_cents": 1} if n == 4 else {}) for n in range(9)]
    for organization in organizations:
        earn(make_creator(organization), AUGUST, 10_000)
    held = tamper(organizations[4])
    run = bill(AUGUST)
    assert (run.status, run.done, run.failed) == ("partial", 8, 1)
    item = run.items.get(status="failed")
    assert (item.key, item.step) == (held.organization_id, "number")
    assert item.error == "The total is not the sum of the lines: this invoice must not be issued."
    numbers = Invoice.objects.filter(number__isnull=False).order_by("number").values_list("number", flat=True)
    assert list(numbers) == [f"INV-{now().year}-{place:06}" for place in range(1, 9)]
    check_series()


def tamper(organization: Organization) -> Invoice:
    """Approve what was held, and let somebody change its lines before it is issued."""
    held = make_draft(organization)
    approve_invoice(held.pk, actor=None, reason="Expected")
    held.lines.update(amount_cents=1)
    return held


@pytest.mark.django_db(transaction=True)
def test_many_at_once_take_turns() -> None:
    drafts = [draft() for _ in range(12)]
    together = Barrier(4)

    def finalize(place: int) -> None:
        try:
            together.wait()
            for invoice in drafts[place::4]:
                with transaction.atomic():
                    finalize_invoices([invoice.pk], ISSUED_AT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(finalize, range(4)))
    numbers = Invoice.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == [f"INV-2026-{place:06}" for place in range(1, 13)]
    check_series()


def execute(sql: str, *values: Any) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def snapshot() -> list[Any]:
    return [list(Invoice.objects.order_by("id").values()), list(InvoiceLine.objects.order_by("id").values())]


@pytest.mark.django_db
class TestGuards:
    @pytest.mark.parametrize(
        "change",
        [
            "subtotal_cents = subtotal_cents + 1, total_cents = total_cents + 1",
            "tax_cents = tax_cents + 1, total_cents = total_cents + 1",
            "number = 'INV-2026-000099'", "number = NULL", "kind = 'credit_note'", "currency = 'EUR'",
            "month = '2026-07-01'", "issue_date = '2020-01-01'", "due_date = NULL", "seller = '{}'",
            """buyer = '{"name": "Somebody else"}'""", "corrects_id = id", "organization_id = 'org_other'",
            "status = 'draft'", "status = 'held'", "status = 'rejected'", "status = 'nothing_due'",
        ],
    )  # fmt: skip
    def test_an_issued_invoice_does_not_change(self, change: str) -> None:
        make_organization(id="org_other")
        invoice = make_invoice(tax_rate_bps=1_900)
        before = snapshot()
        with pytest.raises(IntegrityError, match=r"INV-2026-000001 is issued and can not be changed"):
            execute(f"UPDATE billing_invoice SET {change} WHERE id = %s", invoice.pk)  # noqa: S608 - ours
        assert snapshot() == before

    @pytest.mark.parametrize("status", ["paid", "uncollectible", "credited", "void", "finalized"])
    def test_its_fate_may(self, status: str) -> None:
        invoice = make_invoice()
        assert execute("UPDATE billing_invoice SET status = %s WHERE id = %s", status, invoice.pk) == 1

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE billing_invoiceline SET amount_cents = amount_cents + 1 WHERE invoice_id = %s",
            "UPDATE billing_invoiceline SET description = 'Something else' WHERE invoice_id = %s",
            "UPDATE billing_invoiceline SET explanation = '{}' WHERE invoice_id = %s",
            """
            UPDATE billing_invoiceline SET position = position + 90, invoice_id = (SELECT max(id) FROM billing_invoice)
            WHERE invoice_id = %s
            """,
            "DELETE FROM billing_invoiceline WHERE invoice_id = %s",
            """
            INSERT INTO billing_invoiceline
                (invoice_id, position, kind, description, month, quantity, amount_cents, explanation)
            VALUES (%s, 99, 'usage', 'One more', '2026-08-01', 1, 0, '{}')
            """,
        ],
    )
    def test_its_lines_neither_change_nor_come_nor_go(self, sql: str) -> None:
        invoice = make_invoice()
        draft()
        before = snapshot()
        with pytest.raises(IntegrityError, match=r"INV-2026-000001 is issued and its lines can not be changed"):
            execute(sql, invoice.pk)
        assert snapshot() == before

    def test_no_line_moves_in_from_a_draft(self) -> None:
        invoice, other = make_invoice(), draft()
        with pytest.raises(IntegrityError, match="its lines can not be changed"):
            execute(
                "UPDATE billing_invoiceline SET invoice_id = %s, position = 99 WHERE invoice_id = %s",
                invoice.pk,
                other.pk,
            )

    def test_one_issued_invoice_among_drafts_is_enough(self) -> None:
        make_invoice()
        draft()
        for sql in ("UPDATE billing_invoiceline SET description = 'x'", "DELETE FROM billing_invoiceline"):
            with pytest.raises(IntegrityError, match="its lines can not be changed"):
                execute(sql)

    def test_it_can_not_be_deleted(self) -> None:
        invoice = make_invoice()
        before = snapshot()
        with pytest.raises(IntegrityError, match=r"INV-2026-000001 is issued and can not be deleted"):
            execute("DELETE FROM billing_invoice WHERE id = %s", invoice.pk)
        with pytest.raises(IntegrityError), transaction.atomic():
            invoice.delete()
        assert snapshot() == before

    @pytest.mark.parametrize("table", ["billing_invoice", "billing_invoiceline"])
    def test_not_all_can_be_emptied_at_once_while_one_is_issued(self, table: str) -> None:
        draft()
        with transaction.atomic():
            execute(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table} CASCADE")
            transaction.set_rollback(True)
        make_invoice()
        before = snapshot()
        with pytest.raises(IntegrityError, match=f"Invoices are issued: {table} can not be emptied"):
            execute(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table} CASCADE")
        assert snapshot() == before

    def test_a_draft_can_be_changed_and_deleted(self) -> None:
        invoice = draft()
        for sql in (
            "UPDATE billing_invoiceline SET amount_cents = 7 WHERE invoice_id = %s",
            "UPDATE billing_invoice SET subtotal_cents = 7, total_cents = 7 WHERE id = %s",
            "DELETE FROM billing_commissionstatement WHERE invoice_id = %s",
            "DELETE FROM billing_invoiceline WHERE invoice_id = %s",
            "DELETE FROM billing_invoice WHERE id = %s",
        ):
            assert execute(sql, invoice.pk) == 1

    def test_no_invoice_whose_total_is_not_its_parts(self) -> None:
        invoice = draft()
        with pytest.raises(IntegrityError, match="billing_invoice_total"):
            execute("UPDATE billing_invoice SET total_cents = total_cents + 1 WHERE id = %s", invoice.pk)

    def test_a_month_is_billed_once(self) -> None:
        invoice = make_invoice()
        values: dict[str, Any] = {
            "organization": invoice.organization,
            "month": AUGUST.first_day,
            "currency": "USD",
            "terms": invoice.terms,
        }
        for status in ("draft", "held", "nothing_due"):
            with pytest.raises(IntegrityError, match="billing_invoice_month_unique"), transaction.atomic():
                Invoice.objects.create(status=status, **values)
        Invoice.objects.create(status="draft", **{**values, "month": AUGUST.plus(1).first_day})
        Invoice.objects.create(status="draft", corrects=invoice, kind="credit_note", **values)

    @pytest.mark.parametrize("status", ["void", "credited"])
    def test_a_dead_invoice_frees_its_month(self, status: str) -> None:
        invoice = make_invoice()
        execute("UPDATE billing_invoice SET status = %s WHERE id = %s", status, invoice.pk)
        Invoice.objects.create(
            organization=invoice.organization, month=AUGUST.first_day, currency="USD", terms=invoice.terms
        )

    def test_a_month_begins_on_its_first_day(self) -> None:
        invoice = make_invoice()
        with pytest.raises(IntegrityError, match="billing_invoice_first_day"), transaction.atomic():
            Invoice.objects.create(
                organization=invoice.organization, month="2026-09-02", currency="USD", terms=invoice.terms
            )

    def test_a_number_is_there_once(self) -> None:
        make_invoice()
        other = draft()
        with pytest.raises(IntegrityError, match="number"):
            execute("UPDATE billing_invoice SET number = 'INV-2026-000001' WHERE id = %s", other.pk)
