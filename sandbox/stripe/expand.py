"""`expand[]`: ids in an answer replaced by the objects that they name."""

from collections.abc import Iterator
from typing import Any

from sandbox.store import Document
from sandbox.stripe.errors import refused
from sandbox.stripe.resources import invoice_state, payments
from sandbox.stripe.world import COLLECTIONS, World

_DEEPEST = 4
# Fields that hold an id, and the kind of object that they name.
_NAMED = {
    "charge": "charge",
    "customer": "customer",
    "invoice": "invoice",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "refund": "refund",
}


def expand(world: World, answer: Document, paths: list[str]) -> Document:
    """The answer with every path expanded. Raises StripeError for what cannot be."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise refused(f"You cannot expand more than {_DEEPEST} levels of a property. Property: {path}", "expand")
        _walk(world, answer, steps, path)
    return answer


def _walk(world: World, target: Any, steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    for holder in _holders(target):
        value = _expanded(world, holder, step, path)
        if value is not None:
            holder[step] = value
            if rest:
                _walk(world, value, rest, path)


def _holders(target: Any) -> Iterator[Document]:
    if isinstance(target, list):
        yield from target
    elif isinstance(target, dict):
        yield target


def _expanded(world: World, holder: Document, step: str, path: str) -> Any:
    if step == "payments" and holder.get("object") == "invoice":
        return payments.payments_of(world, holder["id"])
    value = holder.get(step)
    if isinstance(value, dict | list):
        return value
    if step not in _NAMED or step not in holder:
        raise refused(f"This property cannot be expanded ({path}).", param="expand[]")
    return _object(world, _NAMED[step], value) if value else None


def _object(world: World, kind: str, id: str) -> Document | None:
    found = world.store.get(COLLECTIONS[kind], id)
    return invoice_state.render(world, found) if found and kind == "invoice" else found
