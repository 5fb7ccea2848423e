"""A customer's credit used on new invoices, where Stripe doesn't collect them and use its own."""

from collections.abc import Sequence

from django.conf import settings

from billing.selectors.inputs import rows
from billing.services.balances import refresh_balances

# The first invoice of a customer takes all that is owed from before, each what the ones before it have left.
_APPLY = """
    WITH fresh AS MATERIALIZED (
        SELECT invoice.id, invoice.organization_id, invoice.currency, invoice.total_cents,
            sum(invoice.total_cents) OVER (
                PARTITION BY invoice.organization_id, invoice.currency ORDER BY invoice.id
            ) - invoice.total_cents AS before
        FROM billing_invoice invoice
        JOIN billing_billingaccount account ON account.organization_id = invoice.organization_id
        WHERE invoice.id = ANY(%s) AND invoice.total_cents > 0 AND NOT (%s AND account.deliver_stripe)
    ), credits AS (
        SELECT counted.organization_id, counted.currency, sum(counted.credit_cents) AS credit
        FROM billing_invoice counted
        WHERE counted.organization_id IN (SELECT organization_id FROM fresh) AND counted.credit_cents <> 0
            AND NOT EXISTS (SELECT FROM billing_striperecord WHERE invoice_id = counted.id)
            AND NOT EXISTS (
                SELECT FROM billing_invoicedelivery
                WHERE invoice_id = counted.id AND step = 'stripe' AND reference <> ''
            )
        GROUP BY 1, 2
    ), shares AS (
        SELECT fresh.id, CASE
            WHEN before = 0 THEN least(total_cents, credit) ELSE greatest(least(total_cents, credit - before), 0)
        END AS cents
        FROM fresh JOIN credits USING (organization_id, currency)
    )
    UPDATE billing_invoice invoice SET balance_applied_cents = shares.cents
    FROM shares WHERE invoice.id = shares.id AND shares.cents <> 0
    RETURNING invoice.id
"""
_ASK_FOR_NOTHING = """
    SELECT invoice.id FROM billing_invoice invoice
    JOIN billing_billingaccount account ON account.organization_id = invoice.organization_id
    WHERE invoice.id = ANY(%s) AND invoice.total_cents <= 0 AND invoice.corrects_id IS NULL
        AND NOT (%s AND account.deliver_stripe)
"""


def apply_credit(invoice_ids: Sequence[int]) -> None:
    """Use customers' credit on invoices that were just issued, and settle what asks for nothing.

    Of customers whom Stripe collects for, nothing is touched. The caller holds the locks of their accounts.
    """
    ids, in_stripe = list(invoice_ids), settings.INVOICE_ENABLE_STRIPE
    touched = [*rows(_APPLY, ids, in_stripe), *rows(_ASK_FOR_NOTHING, ids, in_stripe)]
    if touched:
        refresh_balances(id_ for (id_,) in touched)
