"""Gaps: events that Stripe lists and that never came."""

import datetime as dt
import json
from dataclasses import dataclass

from billing.models import StripeEvent
from billing.providers.stripe_events import HANDLED_TYPES, read_head
from billing.services.events.processing import process_events
from billing.services.events.taking import take_events
from billing.services.pacing import open_stripe

_ENDED = (StripeEvent.Status.DONE, StripeEvent.Status.IGNORED)


@dataclass(slots=True)
class Repair:
    """What was done about a day: how many events Stripe lists, how many were missing, how many of those are done."""

    found: int = 0
    missing: int = 0
    repaired: int = 0


def repair_day(day: dt.date, repair: Repair) -> None:
    """Store and process what Stripe lists of a day, of the types that change something here, and was not stored.

    Converges: what is stored by the time of its turn is left alone. What can't be processed yet is retried as any
    event is. Where Stripe breaks off in the middle, `repair` tells of what came until then, which is done.
    """
    since = dt.datetime.combine(day, dt.time(), dt.UTC)
    missing: list[int] = []
    try:
        for page in open_stripe().list_events(HANDLED_TYPES, since, since + dt.timedelta(days=1)):
            heads = [(read_head(event), event) for event in page]
            known = StripeEvent.objects.filter(event_id__in=[head.id for head, _ in heads])
            stored = set(known.values_list("event_id", flat=True))
            repair.found += len(heads)
            strays = [(head, json.dumps(event)) for head, event in heads if head.id not in stored]
            missing += take_events(strays, StripeEvent.Source.REPAIR)
    finally:
        process_events(missing)
        ended = StripeEvent.objects.filter(pk__in=missing, status__in=_ENDED)
        repair.missing, repair.repaired = len(missing), ended.count()
