"""Drafts into tables, in bulk: many rows a statement, and the same rows whoever asks twice."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from pydantic_core import to_json

from billing.models import CommissionStatement, Invoice, InvoiceLine
from billing.selectors.inputs import rows
from billing.services.drafts import Draft

_INVOICE = (
    "id, organization_id, month, kind, status, currency, subtotal_cents, tax_cents, total_cents, terms_id, seller, "
    "buyer, held_reason, replaces_id, run_id, computed_at"
)
_LINE = "invoice_id, position, kind, description, month, creator_id, meter_id, quantity, amount_cents, explanation"
_STATEMENT = (
    "creator_id, month, invoice_id, gross_cents, net_cents, carried_in_cents, basis_cents, commission_cents, "
    "carried_cents, computed_at"
)


def write_drafts(drafts: Sequence[Draft], *, run_id: int | None, computed_at: dt.datetime) -> None:
    """Write drafts with their lines and statements, giving each its id."""
    if not drafts:
        return
    _give_ids(drafts)
    _drop_statements(drafts)
    _copy("billing_invoice", _INVOICE, _invoice_rows(drafts, run_id, computed_at))
    _copy("billing_invoiceline", _LINE, _line_rows(drafts))
    _copy("billing_commissionstatement", _STATEMENT, _statement_rows(drafts, computed_at))


def _give_ids(drafts: Sequence[Draft]) -> None:
    new = [draft for draft in drafts if not draft.id]
    ids = rows("SELECT nextval(pg_get_serial_sequence('billing_invoice', 'id')) FROM generate_series(1, %s)", len(new))
    for draft, (id_,) in zip(new, ids, strict=True):
        draft.id = id_


def _json(value: Any) -> str:
    return to_json(value).decode()


def _copy(table: str, columns: str, values: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


def _invoice_rows(drafts: Iterable[Draft], run_id: int | None, computed_at: dt.datetime) -> Iterator[tuple[Any, ...]]:
    seller = _json(settings.INVOICE_SELLER)
    for draft in drafts:
        account = draft.account
        buyer = {"name": account.name, "address": account.address, "email": account.email, "tax_id": account.tax_id}
        yield (
            draft.id, account.organization_id, draft.month.first_day, str(draft.kind), str(draft.status),
            account.currency, draft.subtotal_cents, draft.tax_cents, draft.total_cents, draft.terms_id, seller,
            _json(buyer), draft.held_reason, account.replaced_id, run_id, computed_at,
        )  # fmt: skip


def _line_rows(drafts: Iterable[Draft]) -> Iterator[tuple[Any, ...]]:
    for draft in drafts:
        for position, line in enumerate(draft.lines, start=1):
            yield (
                draft.id, position, str(line.kind), line.description, line.month.first_day, line.creator_id,
                line.meter_id, line.quantity, line.amount_cents, _json(line.explanation),
            )  # fmt: skip


def _statement_rows(drafts: Iterable[Draft], computed_at: dt.datetime) -> Iterator[tuple[Any, ...]]:
    for draft in drafts:
        for statement in draft.statements:
            of = statement.commission
            yield (
                statement.creator_id, statement.month.first_day, draft.id, of.earnings.gross_cents,
                of.earnings.net_cents, of.carried_in_cents, of.basis_cents, of.commission_cents, of.carried_cents,
                computed_at,
            )  # fmt: skip


def _drop_statements(drafts: Iterable[Draft]) -> None:
    """Make room for the statements that these drafts bring, true-ups of earlier months among them."""
    keys = [(s.creator_id, s.month.first_day) for draft in drafts for s in draft.statements]
    rows(
        "DELETE FROM billing_commissionstatement s USING unnest(%s::bigint[], %s::date[]) AS news(creator_id, month) "
        "WHERE s.creator_id = news.creator_id AND s.month = news.month RETURNING s.id",
        [creator for creator, _ in keys],
        [month for _, month in keys],
    )


def discard_unissued(invoice_ids: Sequence[int]) -> None:
    """Delete invoices that were never issued, to be computed anew under the same ids."""
    if not invoice_ids:
        return
    ids = list(invoice_ids)
    restore_statements(ids)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_invoiceline WHERE invoice_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM billing_invoice WHERE id = ANY(%s) AND number IS NULL", [ids])


_FIGURES = ("gross_cents", "net_cents", "carried_in_cents", "basis_cents", "commission_cents", "carried_cents")
_STATED = ("commission", "true_up")


def restore_statements(invoice_ids: Sequence[int]) -> None:
    """Take back what these invoices say of creators' months: what the last other live invoice says holds again."""
    ids = list(invoice_ids)
    taken_back = CommissionStatement.objects.filter(invoice__in=ids)
    _state_again(set(taken_back.values_list("creator", "month")), but=ids)


def reinstate_statements(invoice_id: int) -> None:
    """Let an invoice that counts again say of its creators' months what it said, unless a later one says otherwise."""
    lines = InvoiceLine.objects.filter(invoice=invoice_id, creator__isnull=False, explanation__formula__in=_STATED)
    _state_again({(line.creator_id or 0, line.month) for line in lines}, but=())


def _state_again(months: set[tuple[int, dt.date]], but: Sequence[int]) -> None:
    """State these creators' months as the last live invoice that is not in `but` does; not at all without one."""
    creators, days = {creator for creator, _ in months}, {day for _, day in months}
    lines = (
        InvoiceLine.objects.filter(
            creator__in=creators, month__in=days, invoice__corrects__isnull=True, explanation__formula__in=_STATED
        )
        .exclude(invoice__in=but)
        .exclude(invoice__status__in=Invoice.DEAD)
        .select_related("invoice")
        .only("creator", "month", "explanation", "invoice__computed_at")
        .order_by("invoice__computed_at", "invoice_id")
    )
    last = {(line.creator_id or 0, line.month): line for line in lines} if months else {}
    stated = [_state(creator, last[creator, month]) for creator, month in months & last.keys()]
    CommissionStatement.objects.bulk_create(
        stated,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["creator", "month"],
        update_fields=["invoice", *_FIGURES, "computed_at"],
    )
    # What nobody states any more still has the invoice that was taken back.
    CommissionStatement.objects.filter(invoice__in=but).delete()


def _state(creator_id: int, line: InvoiceLine) -> CommissionStatement:
    figures = line.explanation.get("after") or line.explanation
    return CommissionStatement(
        creator_id=creator_id,
        month=line.month,
        invoice=line.invoice,
        computed_at=line.invoice.computed_at,
        **{name: figures[name] for name in _FIGURES},
    )
