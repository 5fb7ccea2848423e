"""One row and more of everything that the admin shows."""

from decimal import Decimal

from analytics.models import NewEvent, ProviderSnapshot, slot_of
from analytics.services.recording import record_events
from billing.models import UsageEvent
from common.clock import now, previous_month
from jobs.models import JobItem
from onlyfans.models import EarningsPull, EarningsTransaction
from tests.audit import scene
from tests.browser.books import make_books
from tests.factories.billing import make_plan, price_meter, use
from tests.factories.earnings import make_row, take_in


def fill_every_table() -> None:
    """Let no list of the admin be empty, nor any form or question have nothing to be about."""
    books = make_books()
    for make in (
        *(scene.recorded_payment, scene.rejected_result, scene.dismissed_result, scene.dismissed, scene.rule),
        *(scene.lock, scene.task, scene.monitor, scene.incident, scene.sent_message, scene.failed_run, scene.event),
        *(scene.doubtful_email, scene.stored_invoice, scene.table_import, scene.parked_account),
    ):
        make()
    # What stands in for a run's item has a name; on the page of its run it would be an invoice's number.
    JobItem.objects.filter(key="held").update(key=str(books.issued.pk))
    moment = now()
    organization = books.issued.organization
    meter = price_meter(make_plan(name="Metered"), "ai-tokens", "0.5")
    use(organization, meter, previous_month(), "3")
    UsageEvent.objects.create(
        organization=organization, meter=meter, quantity=Decimal(3), occurred_at=moment, idempotency_key="use-1"
    )
    record_events([NewEvent(name="fan.subscribed", occurred_at=moment, idempotency_key="event-1")])
    ProviderSnapshot.objects.create(
        provider="onlyfans", creator=books.creator.onlyfans_user_id, slot_at=slot_of(moment), read_at=moment,
        metrics={"fans": 1_240}, deltas={"fans": -900}, jumps={"fans": {"change": -900, "usual": 12}},
    )  # fmt: skip
    take_in(make_row(books.creator.onlyfans_user_id))
    pull = EarningsPull.objects.create(creator=books.creator, month=previous_month().first_day, started_at=moment)
    EarningsTransaction.objects.create(
        pull=pull, round=1, external_id="tx_1", occurred_at=moment, category="tips", currency="USD", gross_cents=100,
        fee_cents=20, net_cents=80,
    )  # fmt: skip
