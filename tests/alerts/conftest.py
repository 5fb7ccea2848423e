"""Conditions of the tests' own, and nothing of the apps'."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pytest_django import Settings

from alerts import registry
from alerts.registry import Finding, condition
from tests.alerts.receiver import receiver
from tests.outside import outside, wired

__all__ = ["outside", "receiver", "wired"]


@pytest.fixture(autouse=True)
def _receivers_on_loopback(settings: Settings) -> None:
    """Let messages go to receivers on this machine; what is refused otherwise has tests of its own."""
    settings.ALERTS_ALLOW_PRIVATE_ADDRESSES = True
    settings.ALERTS_SLACK_HOSTS = ("127.0.0.1",)


@dataclass
class Trouble:
    """What the conditions of these tests find, changed as a test goes along."""

    findings: list[Finding] = field(default_factory=list)
    critical: list[Finding] = field(default_factory=list)

    def arise(self, *scopes: str, **values: object) -> None:
        self.findings = [Finding(scope, f"{scope} is broken", **values) for scope in scopes]  # type: ignore[arg-type]  # a test's shorthand

    def end(self) -> None:
        self.findings = []


@pytest.fixture
def trouble() -> Iterator[Trouble]:
    """The conditions “broken” and “burning”, and the kind of event “job-completed”; no others are declared."""
    conditions, events = dict(registry._CONDITIONS), dict(registry._EVENTS)
    registry._CONDITIONS.clear()
    found = Trouble()
    condition("broken", title="Something is broken")(lambda: found.findings)
    condition("burning", title="Something burns", severity="critical")(lambda: found.critical)
    yield found
    registry._CONDITIONS.clear()
    registry._EVENTS.clear()
    registry._CONDITIONS.update(conditions)
    registry._EVENTS.update(events)
