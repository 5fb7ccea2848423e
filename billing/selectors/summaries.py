"""What a billing run came to."""

from collections.abc import Iterable
from typing import Any

from django.db.models import BigIntegerField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from billing.models import Invoice, Meter
from billing.selectors.inputs import rows
from billing.selectors.undelivered import keep_failed, keep_unbegun
from common.clock import Month
from common.money import format_money
from jobs.models import JobRun
from jobs.selectors import count_failures_by_step

COMPONENTS = ("generate", "pdf", "storage", "stripe", "email")
_COMPONENT_OF_STEP = {"pdf": "pdf", "store": "storage", "stripe": "stripe", "void": "stripe", "email": "email"}


def name_component(step: str) -> str:
    """Name the component that a billing run's step belongs to."""
    return _COMPONENT_OF_STEP.get(step, "generate")


def list_unbilled(organization_ids: Iterable[str], month: Month) -> list[str]:
    """Keep the organizations that are neither parked nor have an issued document of the month."""
    found = rows(
        """
        SELECT wanted.id FROM unnest(%s::text[]) AS wanted(id)
        JOIN billing_billingaccount account ON account.organization_id = wanted.id AND account.parked_at IS NULL
        WHERE NOT EXISTS (
            SELECT 1 FROM billing_invoice WHERE organization_id = wanted.id AND month = %s
            AND status IN ('draft', 'finalized', 'paid', 'uncollectible') AND corrects_id IS NULL
        ) ORDER BY wanted.id
        """,
        list(organization_ids),
        month.first_day,
    )
    return [id_ for (id_,) in found]


def list_meter_codes(ids: Iterable[int]) -> list[str]:
    """Name meters by their codes."""
    return list(Meter.objects.filter(pk__in=list(ids)).order_by("code").values_list("code", flat=True))


def summarize_run(run: JobRun, month: Month) -> dict[str, Any]:
    """Sum a run up: invoices, what is held, errors by component, what was invoiced by currency in cents."""
    counted = rows(
        """
        SELECT result->>'currency', count(*) FILTER (WHERE result->>'status' = 'held'),
            count(*) FILTER (WHERE result ? 'early_figures'), count(*) FILTER (WHERE billed),
            coalesce(sum((result->>'total_cents')::bigint) FILTER (WHERE billed), 0)
        FROM (
            SELECT *, CASE WHEN %s THEN result->>'status' = 'draft' ELSE result->>'number' IS NOT NULL END AS billed
            FROM jobs_jobitem WHERE run_id = %s AND result ? 'total_cents'
        ) item GROUP BY 1 ORDER BY 1
        """,
        run.dry_run,
        run.pk,
    )
    errors = dict.fromkeys(COMPONENTS, 0)
    for step, count in count_failures_by_step(run.pk).items():
        errors[name_component(step)] += count
    early = sum(row[2] for row in counted)
    undelivered = 0 if run.dry_run else _count_undelivered(run)
    return {
        "month": str(month),
        "dry_run": run.dry_run,
        "organizations": run.done + run.skipped + run.failed,
        "invoices": sum(row[3] for row in counted),
        "held": sum(row[1] for row in counted),
        "errors": errors,
        "revenue_cents": {currency: int(total) for currency, *_, total in counted if total},
        "seconds": round(run.duration.total_seconds(), 2) if run.duration else 0,
        # Said only where somebody should look.
        **({"early_figures": early} if early else {}),
        **({"not_delivered": undelivered} if undelivered else {}),
    }


def _count_undelivered(run: JobRun) -> int:
    """Count the invoices that a run came to and of which a step of the delivery failed or was never begun."""
    ids = run.items.annotate(invoice=Cast(KeyTextTransform("invoice_id", "result"), BigIntegerField()))
    invoices = Invoice.objects.filter(pk__in=ids.exclude(invoice=None).order_by().values("invoice"))
    return (keep_unbegun(invoices) | keep_failed(invoices)).count()


def write_invoiced(summary: dict[str, Any]) -> list[str]:
    """Write what was invoiced, by a run's summary, for people, one amount a currency."""
    return [format_money(cents, currency) for currency, cents in summary["revenue_cents"].items()]


def list_differences(run: JobRun) -> Iterable[dict[str, Any]]:
    """List what a dry run would bill, by organization, beside what is invoiced already and the month before."""
    for item in run.items.order_by("key").iterator():
        yield {
            "organization": item.key,
            "status": item.status,
            "note": item.error or item.result.get("note", ""),
            "currency": item.result.get("currency", ""),
            "total_cents": item.result.get("total_cents"),
            "invoiced_cents": item.result.get("already_cents"),
            "former_total_cents": item.result.get("former_total_cents"),
        }
