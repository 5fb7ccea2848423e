"""Spans around the steps of the work: real ones where telemetry is switched on, and otherwise nothing at all."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any


@dataclass
class _Switch:
    tracer: Any = None
    flush: Callable[[], object] | None = None


_switch = _Switch()


def switch_on(tracer: Any, flush: Callable[[], object]) -> None:
    """Let spans be made by this tracer from now on; `flush` sends what is still held."""
    _switch.tracer, _switch.flush = tracer, flush


def span(name: str, **attributes: str | int | bool | None) -> AbstractContextManager[object]:
    """Open a span for a block; what it raises is noted on the span and raised on."""
    if _switch.tracer is None:
        return nullcontext()
    given = {f"huntaze.{key}": value for key, value in attributes.items() if value is not None}
    entered: AbstractContextManager[object] = _switch.tracer.start_as_current_span(name, attributes=given)
    return entered


def flush() -> None:
    """Send the spans that are still held: a process that is forked ends without it."""
    if _switch.flush:
        _switch.flush()
