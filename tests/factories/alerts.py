"""Channels and rules."""

from itertools import count
from typing import Any

from alerts.models import Channel, Rule

_numbers = count(1)


def make_channel(kind: str = Channel.Kind.EMAIL, *, enabled: bool = True, **config: Any) -> Channel:
    """Make a channel; without anything else, to an e-mail address of its own."""
    number = next(_numbers)
    if kind == Channel.Kind.EMAIL and not config:
        config = {"address": f"ops{number}@example.test"}
    return Channel.objects.create(name=f"Channel {number}", kind=kind, config=config, is_enabled=enabled)


def make_rule(*channels: Channel, **values: Any) -> Rule:
    """Make a rule that tells some channels of everything, unless it is said otherwise."""
    rule = Rule.objects.create(name=f"Rule {next(_numbers)}", **values)
    rule.channels.set(channels)
    return rule
