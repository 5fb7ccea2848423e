"""Spans around the steps of the work: real ones where telemetry is switched on, and otherwise nothing at all."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

_tracers: list[Any] = []


def switch_on(tracer: Any) -> None:
    """Let spans be made by this tracer from now on; None switches them off."""
    _tracers[:] = [] if tracer is None else [tracer]


def span(name: str, **attributes: str | int | bool | None) -> AbstractContextManager[object]:
    """Open a span for a block; what it raises is noted on the span and raised on."""
    if not _tracers:
        return nullcontext()
    given = {f"huntaze.{key}": value for key, value in attributes.items() if value is not None}
    entered: AbstractContextManager[object] = _tracers[0].start_as_current_span(name, attributes=given)
    return entered
