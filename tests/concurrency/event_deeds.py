"""What the driver's children do with Stripe's events."""

import json
from itertools import batched
from pathlib import Path
from typing import Any


def take_events(spec: dict[str, Any]) -> int:
    """Take in the events of a file, one a line, as a door does, or so many at once; tell how many were new."""
    from billing.providers.stripe_events import read_head
    from billing.services.events import take_event, take_events

    with Path(spec["file"]).open() as lines:
        found = ((read_head(json.loads(line)), line) for line in lines)
        if "at_once" not in spec:
            return sum(take_event(head, line, "webhook") is not None for head, line in found)
        return sum(len(take_events(part, "webhook")) for part in batched(found, spec["at_once"]))


def work_through_events(spec: dict[str, Any]) -> int:
    """Process these `events` once, or all until so many are there as `expected` and none waits; tell how many ended."""
    from billing.models import StripeEvent
    from billing.services.events import process_events

    if "events" in spec:
        return process_events(spec["events"])
    ended, is_last = 0, False
    while not is_last or StripeEvent.objects.filter(status__in=StripeEvent.ACTIVE).exists():
        is_last = StripeEvent.objects.count() >= spec["expected"]
        ended += process_events()
    return ended
