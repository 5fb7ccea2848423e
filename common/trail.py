"""What is being worked on right now: bound around the work, and read by whatever is written down meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

_NOTHING: Mapping[str, Any] = {}
# Under this name an exception carries what was bound where it was raised, for whoever reports it further up.
_CARRIED = "_huntaze_trail"
_bound: ContextVar[Mapping[str, Any]] = ContextVar("trail", default=_NOTHING)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Bind names to what is worked on during the block, beside those that are bound already; None binds nothing.

    An exception that leaves the block takes along what was bound innermost: see `of_error`.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    token = _bound.set({**_bound.get(), **given})
    try:
        yield
    except Exception as error:
        vars(error).setdefault(_CARRIED, _bound.get())
        raise
    finally:
        _bound.reset(token)


def current() -> Mapping[str, Any]:
    """Read what is bound here."""
    return _bound.get()


def of_error(error: object) -> Mapping[str, Any]:
    """Read what was bound where an exception was raised, and here; what is bound here counts."""
    carried: Mapping[str, Any] = getattr(error, _CARRIED, _NOTHING)
    return {**carried, **current()}


def submit[**P, T](pool: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
    """Submit a call that takes along what is bound here: threads of a pool know nothing by themselves."""
    context = copy_context()
    return pool.submit(lambda: context.run(function, *args, **kwargs))
