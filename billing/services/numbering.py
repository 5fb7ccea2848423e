"""Numbers without a gap: given at finalization, from a counter row, in the same transaction."""

import datetime as dt
from collections.abc import Iterable

from django.conf import settings
from django.db import connection

from billing.models import Invoice
from billing.selectors.inputs import rows
from common.errors import Permanent

# Which of its organization's, month's and kind's a document is, is counted under the lock on its series' counter.
_FINALIZE = """
    WITH given AS (
        SELECT invoice.id, given.number, row_number() OVER (
            PARTITION BY invoice.organization_id, invoice.month, invoice.kind ORDER BY given.number
        ) + (
            SELECT coalesce(max(former.ordinal), 0) FROM billing_invoice former
            WHERE (former.organization_id, former.month, former.kind)
                = (invoice.organization_id, invoice.month, invoice.kind)
        ) AS ordinal
        FROM unnest(%s::bigint[], %s::text[]) AS given(id, number) JOIN billing_invoice invoice USING (id)
    )
    UPDATE billing_invoice invoice SET status = 'finalized', number = given.number, ordinal = given.ordinal,
        issue_date = %s, due_date = %s, finalized_at = %s,
        remaining_cents = greatest(total_cents, 0)
    FROM given WHERE invoice.id = given.id
"""


def finalize_invoices(invoice_ids: Iterable[int], now: dt.datetime) -> dict[int, str]:
    """Give drafts their numbers in the caller's transaction; return the numbers given, by id.

    Idempotent: what is not a draft any more is left alone. Raises Permanent where a total is not the sum of its lines.
    """
    found = rows(
        "SELECT id, kind FROM billing_invoice WHERE id = ANY(%s) AND status = 'draft' "
        "ORDER BY organization_id, id FOR UPDATE",
        list(invoice_ids),
    )
    _check_sums([id_ for id_, _ in found])
    numbers: dict[int, str] = {}
    for kind, prefix in (
        (Invoice.Kind.INVOICE, settings.INVOICE_PREFIX),
        (Invoice.Kind.CREDIT_NOTE, settings.CREDIT_NOTE_PREFIX),
    ):
        ids = [id_ for id_, of in found if of == kind]
        if ids:
            last = _count_up(prefix, now.year, len(ids))
            for place, id_ in enumerate(ids, start=last - len(ids) + 1):
                numbers[id_] = f"{prefix}-{now.year}-{place:06}"
    due = now.date() + dt.timedelta(days=settings.INVOICE_DUE_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_FINALIZE, [list(numbers), list(numbers.values()), now.date(), due, now])
    return numbers


def _count_up(prefix: str, year: int, count: int) -> int:
    """Raise the counter, holding its row until the transaction ends; return the last number taken."""
    last: int = rows(
        """
        INSERT INTO billing_numberseries (prefix, year, last_number) VALUES (%s, %s, %s)
        ON CONFLICT (prefix, year) DO UPDATE SET last_number = billing_numberseries.last_number + excluded.last_number
        RETURNING last_number
        """,
        prefix,
        year,
        count,
    )[0][0]
    return last


def _check_sums(invoice_ids: list[int]) -> None:
    wrong = rows(
        """
        SELECT invoice.id FROM billing_invoice invoice
        LEFT JOIN (
            SELECT invoice_id, sum(amount_cents) AS total FROM billing_invoiceline
            WHERE invoice_id = ANY(%s) GROUP BY invoice_id
        ) lines ON lines.invoice_id = invoice.id
        WHERE invoice.id = ANY(%s) AND invoice.total_cents <> coalesce(lines.total, 0) LIMIT 1
        """,
        invoice_ids,
        invoice_ids,
    )
    if wrong:
        raise Permanent("The total is not the sum of the lines: this invoice must not be issued.")
