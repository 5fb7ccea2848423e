"""Stripe's events of the former system: kept as they came, and not applied, since it acted on them itself."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from billing.models import StripeEvent
from billing.providers.stripe_events import EventHead, NotAnEvent, read_head
from billing.services.events import keep_events
from common.importing import Record, Result, Verdict, importer
from huntaze.importing.values import pick, plain

# Where a record holds the whole event, as a map or as JSON; else the record is the event itself.
BODY = ("event", "body", "payload", "rawEvent", "raw_event", "raw")


@importer("stripe-events", keeps=False)
def take_events(records: Sequence[Record]) -> list[Result]:
    """Keep events that are not there yet; staff may process one again, which changes nothing twice."""
    read = [_read(record.attributes) for record in records]
    good = {head.id: (head, body) for head, body in (one for one in read if isinstance(one, tuple))}
    known = set(StripeEvent.objects.filter(event_id__in=good).values_list("event_id", flat=True))
    keep_events([good[id_] for id_ in good if id_ not in known], StripeEvent.Source.IMPORT)
    results = []
    for one in read:
        if isinstance(one, str):
            results.append(Result(Verdict.REJECTED, {"event": one}))
        else:
            results.append(Result(Verdict.UNCHANGED if one[0].id in known else Verdict.CREATED))
    return results


def _read(attributes: Mapping[str, Any]) -> tuple[EventHead, str] | str:
    body = pick(attributes, BODY)
    try:
        event = json.loads(body) if isinstance(body, str) else plain(body if isinstance(body, dict) else attributes)
        return read_head(event), json.dumps(event)
    except NotAnEvent as error:
        return str(error)
    except (ValueError, RecursionError):
        return "The event is not JSON."
