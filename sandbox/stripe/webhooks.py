"""Signed deliveries of events, sent when asked for, or as they happen."""

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.store import Document
from sandbox.stripe.world import COLLECTIONS, World

_PAUSES = (1, 5, 25)


@dataclass
class Webhooks:
    """The endpoints to deliver to: each a `url` and a signing `secret`."""

    world: World
    endpoints: list[dict[str, str]] = field(default_factory=list)
    automatic: bool = False
    _happened: list[str] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.world.listener = self._note

    def _note(self, event_id: str) -> None:
        if self.automatic and self.endpoints:
            self._happened.append(event_id)
            self._wake.set()

    async def run(self) -> None:
        """Delivers what happens as it happens, while that is switched on; what fails is tried a few times more."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            happened, self._happened = self._happened, []
            # What a failed request took back is not there any more.
            events = self.find(happened, None)
            for pause in _PAUSES:
                results = await self.deliver(events)
                failed = {result["event"] for result in results if result["outcome"] not in range(200, 300)}
                events = [event for event in events if event["id"] in failed]
                if not events:
                    break
                await asyncio.sleep(pause)

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
