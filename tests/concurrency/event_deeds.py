"""What the driver's children do with Stripe's events."""

import http.client
import json
from itertools import batched, cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import stripe


def take_events(spec: dict[str, Any]) -> int:
    """Take in the events of a file, one a line, as a door does, or so many at once; tell how many were new."""
    from billing.providers.stripe_events import read_head
    from billing.services.events import take_event, take_events

    with Path(spec["file"]).open() as lines:
        found = ((read_head(json.loads(line)), line) for line in lines)
        if "at_once" not in spec:
            return sum(take_event(head, line, "webhook") is not None for head, line in found)
        return sum(len(take_events(part, "webhook")) for part in batched(found, spec["at_once"]))


def deliver_events(spec: dict[str, Any]) -> int:
    """Deliver the events of a file, the first `over_http` by a web server's doors in turns, the rest as `take_events`.

    `door` says at which of the two this child begins. Tell how many were new.
    """
    from billing.providers.stripe_events import read_head
    from billing.services.events import take_events

    with Path(spec["file"]).open() as lines:
        doors = islice(cycle((_by_webhook, _by_eventbridge)), spec["door"], spec["door"] + spec["over_http"])
        connection = http.client.HTTPConnection(urlsplit(spec["url"]).netloc, timeout=60)
        first = [line.rstrip("\n") for line in islice(lines, spec["over_http"])]
        new = sum(deliver(connection, line, spec) for line, deliver in zip(first, doors, strict=True))
        connection.close()
        found = ((read_head(json.loads(line)), line) for line in lines)
        return new + sum(len(take_events(part, "webhook")) for part in batched(found, spec["at_once"]))


def _by_webhook(connection: http.client.HTTPConnection, event: str, spec: dict[str, Any]) -> bool:
    signature = stripe.WebhookSignature.generate_signature_header(event, spec["secret"])
    return _post(connection, "/api/webhooks/stripe", event, {"stripe-signature": signature})


def _by_eventbridge(connection: http.client.HTTPConnection, event: str, spec: dict[str, Any]) -> bool:
    told = json.loads(event)
    envelope = {
        "version": "0", "id": f"envelope of {told['id']}", "detail-type": told["type"], "account": "123456789012",
        "source": "aws.partner/stripe.com/ed_test_61", "time": "2026-11-01T10:00:00Z", "region": "eu-west-1",
        "resources": [], "detail": told,
    }  # fmt: skip
    return _post(connection, "/api/eventbridge/stripe", json.dumps(envelope), {"x-api-key": spec["key"]})


def _post(connection: http.client.HTTPConnection, path: str, body: str, headers: dict[str, str]) -> bool:
    connection.request("POST", path, body.encode(), {"content-type": "application/json; charset=utf-8", **headers})
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said
    return bool(json.loads(said)["isNew"])


def work_through_events(spec: dict[str, Any]) -> int:
    """Process these `events` once, or all until so many are there as `expected` and none waits; tell how many ended."""
    from billing.models import StripeEvent
    from billing.services.events import process_events

    if "events" in spec:
        return process_events(spec["events"])
    ended, is_last = 0, False
    while not is_last or StripeEvent.objects.filter(status__in=StripeEvent.UNENDED).exists():
        is_last = StripeEvent.objects.count() >= spec["expected"]
        ended += process_events()
    return ended
