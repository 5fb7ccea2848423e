"""Signed deliveries of events, sent when asked for."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.store import Document
from sandbox.stripe.world import COLLECTIONS, World


@dataclass
class Webhooks:
    """The endpoints to deliver to: each a `url` and a signing `secret`."""

    world: World
    endpoints: list[dict[str, str]] = field(default_factory=list)

    def find(self, events: list[str] | None, types: list[str] | None) -> list[Document]:
        """Events by id, or all of some types, oldest first."""
        if events is not None:
            return [event for id in events if (event := self.world.store.get(COLLECTIONS["event"], id))]
        where = {"type__in": types} if types else {}
        return self.world.store.select(COLLECTIONS["event"], where)

    async def deliver(self, events: list[Document], times: int = 1) -> list[dict[str, Any]]:
        """Posts each event to every endpoint, `times` times, and says what each answered."""
        import httpx

        results = []
        async with httpx.AsyncClient(timeout=10) as client:
            for event in events:
                for endpoint in self.endpoints * times:
                    body = json.dumps(event, indent=2)
                    headers = {
                        "Content-Type": "application/json; charset=utf-8",
                        "Stripe-Signature": sign(body, endpoint["secret"], self.world.now()),
                        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                    }
                    outcome: int | str
                    try:
                        outcome = (await client.post(endpoint["url"], content=body, headers=headers)).status_code
                    except httpx.HTTPError as error:
                        outcome = type(error).__name__
                    results.append({"event": event["id"], "url": endpoint["url"], "outcome": outcome})
        return results


def sign(body: str, secret: str, at: int) -> str:
    """The `Stripe-Signature` header of a body."""
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
