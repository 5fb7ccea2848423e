"""That no month is lost: at rest each is billed or visibly waits, at the end each is billed once, by what is due."""

from collections import defaultdict
from collections.abc import Iterator

from accounts.models import Organization
from billing.models import Invoice, InvoiceLine
from billing.selectors.due import list_left_drafts
from common.clock import Month
from jobs.models import JobItem, JobRun
from tests.billing.histories.customers import LAST, MONTHS, Customer
from tests.billing.histories.history import History

_LIVE = ("finalized", "paid", "uncollectible", "nothing_due")
# What an item says that was skipped and for which somebody is to decide or to ask later.
_WAITING = ("Held for approval", "Parked", "Nothing is due", "The organization is", "Not issued: it is rejected now")


def find_forgotten_months(history: History) -> Iterator[str]:
    """Go through the months that somebody asked to bill and of which nobody can see what became of them."""
    left = set(list_left_drafts().values_list("pk", flat=True))
    parked = set(Organization.objects.exclude(billing_account__parked_at=None).values_list("pk", flat=True))
    for draft in Invoice.objects.filter(status=Invoice.Status.DRAFT, corrects=None):
        if draft.pk not in left and draft.organization_id not in parked:
            yield f"{draft} of {draft.organization_id} is a draft that nobody is told of"
    for (id_, month), item in _list_last_items().items():
        documents = Invoice.objects.filter(organization=id_, month=month, corrects=None)
        if documents.exclude(status__in=Invoice.DEAD).exists() or item.run.status == JobRun.Status.CANCELLED:
            continue
        is_told = item.status not in {"done", "skipped"} or str(item.result.get("note", "")).startswith(_WAITING)
        # Who took it back can see that nothing is in its place.
        if not is_told and not documents.filter(status__in=Invoice.DEAD).exists():
            yield f"{id_}: nothing is billed for {month}; its item is {item.status}: {item.result}"


def _list_last_items() -> dict[tuple[str, str], JobItem]:
    items = JobItem.objects.filter(run__job="monthly-billing", run__dry_run=False).select_related("run")
    return {(item.key, f"{item.run.params['month']}-01"): item for item in items.order_by("run", "pk")}


def find_lost_months(history: History) -> Iterator[str]:
    """Go through the months that are not billed exactly once, and the amounts that are not what is due."""
    for customer in history.customers:
        for month in [*MONTHS, LAST]:
            documents = Invoice.objects.filter(organization=customer.id, month=month.first_day, corrects=None)
            if (live := documents.filter(status__in=_LIVE).count()) != 1:
                found = [*documents.values_list("number", "status")]
                yield f"{customer.id} has {live} live invoices of {month}: {found}"
        yield from _find_wrong_amounts(history, customer)


def _find_wrong_amounts(history: History, customer: Customer) -> Iterator[str]:
    """Compare what each creator's and meter's months were billed, adjustments included, with what is due."""
    billed: defaultdict[tuple[str, int, Month], int] = defaultdict(int)
    live = {"invoice__organization": customer.id, "invoice__corrects": None, "invoice__status__in": _LIVE}
    for line in InvoiceLine.objects.filter(**live):
        kind, id_ = ("creator", line.creator_id) if line.creator_id else ("meter", line.meter_id)
        if id_:
            billed[kind, id_, Month.of(line.month)] += line.amount_cents
    due: dict[tuple[str, int, Month], int] = {}
    months, side = [*MONTHS, LAST], 1 if customer.agreement.by_net else 0
    for creator in customer.creators:
        earned = {month: history.earned.get((creator.pk, month), (0, 0))[side] for month in months}
        for month, cents in customer.agreement.commissions(months, earned).items():
            due["creator", creator.pk, month] = cents
    for month, quantity in customer.used.items():
        due["meter", customer.meter.pk, month] = customer.agreement.usage(quantity)
    for key in sorted({*billed, *due}, key=str):
        if billed[key] != due.get(key, 0):
            yield f"{customer.id}: {key[0]} {key[1]} in {key[2]} is billed {billed[key]}, due is {due.get(key, 0)}"
