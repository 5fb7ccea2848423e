"""Numbers without a gap: given at finalization, from a counter row, in the same transaction."""

import datetime as dt
import re
from collections.abc import Iterable

from django.conf import settings
from django.db import connection
from django.db.models.functions import Greatest

from billing.models import Invoice
from billing.selectors.inputs import rows
from billing.services.books import require_running
from billing.services.customer_credit import apply_credit
from billing.services.locking import lock_accounts_of
from common.errors import Permanent

_NUMBER = re.compile(r"(.{1,8})-(\d{4})-(\d{6,9})", re.ASCII)
# Which of its organization's, month's and kind's a document is, is counted under the lock on its series' counter.
_FINALIZE = """
    WITH given AS (
        SELECT invoice.id, given.number, given.issue_date, row_number() OVER (
            PARTITION BY invoice.organization_id, invoice.month, invoice.kind ORDER BY given.number
        ) + (
            SELECT coalesce(max(former.ordinal), 0) FROM billing_invoice former
            WHERE (former.organization_id, former.month, former.kind)
                = (invoice.organization_id, invoice.month, invoice.kind)
        ) AS ordinal
        FROM unnest(%s::bigint[], %s::text[], %s::date[]) AS given(id, number, issue_date)
        JOIN billing_invoice invoice USING (id)
    )
    UPDATE billing_invoice invoice SET status = 'finalized', number = given.number, ordinal = given.ordinal,
        issue_date = given.issue_date, due_date = given.issue_date + %s::int, finalized_at = %s,
        remaining_cents = greatest(total_cents, 0)
    FROM given WHERE invoice.id = given.id
"""


# A parked organization's month is left as it is; what corrects an issued one is not.
_DRAFTS = """
    SELECT invoice.id, invoice.kind FROM billing_invoice invoice
    JOIN billing_billingaccount account ON account.organization_id = invoice.organization_id
    WHERE invoice.id = ANY(%s) AND invoice.status = 'draft'
        AND (account.parked_at IS NULL OR invoice.corrects_id IS NOT NULL)
    ORDER BY invoice.organization_id, invoice.id FOR UPDATE OF invoice
"""


def finalize_invoices(invoice_ids: Iterable[int], now: dt.datetime) -> dict[int, str]:
    """Give drafts their numbers in the caller's transaction, and use customers' credit; return the numbers, by id.

    `now` is the instant at which they are asked for. Dates follow the numbers: who waited for the counter and was
    overtaken over midnight gets the date of the number before. Idempotent: what is not a draft any more is left alone,
    and so is the month of a parked organization. Raises Permanent where a total is not the sum of its lines, and
    Misconfigured while deliveries are switched off.
    """
    require_running()
    ids = list(invoice_ids)
    lock_accounts_of(Invoice.objects.filter(pk__in=ids).values_list("organization", flat=True))
    found = rows(_DRAFTS, ids)
    _check_sums([id_ for id_, _ in found])
    given: list[tuple[int, str, dt.date]] = []
    for kind, prefix in (
        (Invoice.Kind.INVOICE, settings.INVOICE_PREFIX),
        (Invoice.Kind.CREDIT_NOTE, settings.CREDIT_NOTE_PREFIX),
    ):
        ids = [id_ for id_, of in found if of == kind]
        if ids:
            first = _count_up(prefix, now.year, len(ids)) - len(ids) + 1
            day = max(now.date(), _get_issue_date(_write(prefix, now.year, first - 1)) or now.date())
            given += [(id_, _write(prefix, now.year, place), day) for place, id_ in enumerate(ids, start=first)]
    with connection.cursor() as cursor:
        columns = [[one[place] for one in given] for place in range(3)]
        cursor.execute(_FINALIZE, [*columns, settings.INVOICE_DUE_DAYS, now])
    numbers = {id_: number for id_, number, _ in given}
    apply_credit(list(numbers))
    return numbers


def number_as(invoice_id: int, number: str, ordinal: int, issued_at: dt.datetime, due_date: dt.date | None) -> None:
    """Give a document the number that it had before a backup was restored, in the caller's transaction.

    The counter follows. Raises Permanent where another document has the number, or a total is not the sum of its lines.
    """
    if other := Invoice.objects.filter(number=number).exclude(pk=invoice_id).first():
        raise Permanent(f"Here, {number} is of {other.organization}, {other.period.label}.")
    _check_sums([invoice_id])
    raise_counter(number)
    Invoice.objects.filter(pk=invoice_id, number=None).update(
        status=Invoice.Status.FINALIZED,
        number=number,
        ordinal=ordinal,
        issue_date=issued_at.date(),
        due_date=due_date or issued_at.date(),
        finalized_at=issued_at,
        remaining_cents=Greatest("total_cents", 0),
    )


def raise_counter(number: str) -> None:
    """Let a series go on behind a number that was given before; one of no series of ours is left alone."""
    if found := _NUMBER.fullmatch(number):
        rows(
            "INSERT INTO billing_numberseries (prefix, year, last_number) VALUES (%s, %s, %s) "
            "ON CONFLICT (prefix, year) DO UPDATE SET "
            "last_number = greatest(billing_numberseries.last_number, excluded.last_number) RETURNING id",
            found[1],
            int(found[2]),
            int(found[3]),
        )


def _write(prefix: str, year: int, place: int) -> str:
    return f"{prefix}-{year}-{place:06}"


def _get_issue_date(number: str) -> dt.date | None:
    """Return the date of a number, read after its series' counter is locked; None where nobody has it."""
    return Invoice.objects.filter(number=number).values_list("issue_date", flat=True).first()


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
