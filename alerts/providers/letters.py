"""What every provider is given: one message in all the forms in which it can be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. `reference` stays the same at every attempt, so that a receiver can drop a repeat."""

    reference: str
    subject: str
    text: str
    html: str
    blocks: tuple[Mapping[str, Any], ...]
    payload: Mapping[str, Any]
    severity: str
