"""Faults on demand: what goes wrong, for which requests, and how often."""

import asyncio
import itertools
import re
from dataclasses import asdict, dataclass, field
from typing import Any

BEFORE = {"hang_before", "close_before"}
AFTER = {"hang_after", "close_after", "garbage"}
ACTIONS = {"status", *BEFORE, *AFTER}
_NUMBERS = itertools.count(1)


class BadRule(ValueError):
    """A rule that could never do what its author meant."""


@dataclass
class Fault:
    """One rule: of the requests whose method, path and parameters match, some are to fail.

    The first `skip` pass, the next `times` (None: all) fail, later ones pass again. `path` is a regular expression,
    `contains` a piece of the decoded query or form. Unset, `status` is 500, or 200 for garbage; `effect` says whether
    a `status` answer comes after the work was done.
    """

    action: str
    service: str = "stripe"
    method: str | None = None
    path: str = ".*"
    contains: str = ""
    skip: int = 0
    times: int | None = 1
    status: int = 0
    effect: bool = False
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    id: int = field(default_factory=lambda: next(_NUMBERS))
    seen: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise BadRule(f"action must be one of {', '.join(sorted(ACTIONS))}")
        self.status = self.status or (200 if self.action == "garbage" else 500)
        if not 100 <= self.status <= 599:
            raise BadRule("status must be an HTTP status")
        try:
            re.compile(self.path)
        except re.error as error:
            raise BadRule(f"path is not a regular expression: {error}") from error

    def takes(self, service: str, method: str, path: str, params: str) -> bool:
        if self.service != service or (self.method and self.method.upper() != method):
            return False
        if not re.search(self.path, path) or self.contains not in params:
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.fired >= self.times):
            return False
        self.fired += 1
        return True


class Faults:
    """The rules in force and the delays of each service."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []
        self.latency_ms: dict[str, float] = {}

    def add(self, **values: Any) -> Fault:
        """Puts a rule in force. Raises BadRule."""
        try:
            rule = Fault(**values)
        except TypeError as error:
            raise BadRule(str(error).replace("Fault.__init__() ", "")) from error
        self.rules.append(rule)
        return rule

    def take(self, service: str, method: str, path: str, params: str) -> Fault | None:
        """The rule that this request falls under, which is thereby used once."""
        for rule in self.rules:
            if rule.takes(service, method, path, params):
                return rule
        return None

    def clear(self) -> None:
        self.rules.clear()
        self.latency_ms.clear()

    def remove(self, id: int) -> bool:
        kept = [rule for rule in self.rules if rule.id != id]
        found = len(kept) < len(self.rules)
        self.rules = kept
        return found

    def describe(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self.rules]

    async def delay(self, service: str) -> None:
        """Waits as long as an answer of this service is set to take."""
        if milliseconds := self.latency_ms.get(service, 0):
            await asyncio.sleep(milliseconds / 1000)
