"""Cursor lists: newest first, at most a hundred objects, continued from an object's id."""

from collections.abc import Callable
from typing import Any

from sandbox.store import Document
from sandbox.stripe.errors import refused, unsupported
from sandbox.stripe.world import COLLECTIONS, KINDS, Call, Handler, World

_DEFAULT, _MOST = 10, 100


def page(
    world: World,
    call: Call,
    kind: str,
    where: dict[str, Any],
    render: Callable[[Document], Document] = lambda document: document,
) -> Document:
    """One page of a list, as the parameters `limit`, `starting_after` and `ending_before` ask for it."""
    limit, older_than, newer_than = _bounds(world, call, kind)
    found = world.store.select(
        COLLECTIONS.get(kind, kind),
        where,
        newest_first=newer_than is None,
        before=older_than,
        after=newer_than,
        limit=limit + 1,
    )
    more, found = len(found) > limit, found[:limit]
    if newer_than is not None:
        found.reverse()
    return wrap([render(document) for document in found], more, call.path)


def lines_page(world: World, call: Call, collection: str, where: dict[str, Any]) -> Document:
    """A page of an object's lines, which stand in the order in which they were added."""
    limit, after, before = _bounds(world, call, collection)
    found = world.store.select(
        collection, where, after=after, before=before, newest_first=before is not None, limit=limit + 1
    )
    more, found = len(found) > limit, found[:limit]
    if before is not None:
        found.reverse()
    return wrap(found, more, call.path)


def wrap(data: list[Document], more: bool, url: str) -> Document:
    return {"object": "list", "data": data, "has_more": more, "url": url}


def created_range(params: dict[str, Any], field: str = "created") -> dict[str, Any]:
    """The filter that a `created` parameter means: an instant, or bounds on it."""
    value = params.get(field)
    if value is None:
        return {}
    if isinstance(value, int):
        return {field: value}
    return {f"{field}__{operator}": bound for operator, bound in value.items()}


def _bounds(world: World, call: Call, kind: str) -> tuple[int, int | None, int | None]:
    limit = call.params.get("limit", _DEFAULT)
    if not 1 <= limit <= _MOST:
        raise refused(
            f"This value must be {'less' if limit > _MOST else 'greater'} than or equal to"
            f" {_MOST if limit > _MOST else 1} (it currently is '{limit}').",
            param="limit",
            code=None if limit > _MOST else "parameter_invalid_integer",
        )
    if "starting_after" in call.params and "ending_before" in call.params:
        raise refused("You may only specify one of these parameters: starting_after, ending_before.")
    cursors = [_cursor(world, call, kind, name) for name in ("starting_after", "ending_before")]
    return limit, cursors[0], cursors[1]


def _cursor(world: World, call: Call, kind: str, name: str) -> int | None:
    id = call.params.get(name)
    if id is None:
        return None
    position = world.store.position(COLLECTIONS.get(kind, kind), id)
    if position is None:
        raise refused(f"No such {KINDS.get(kind, 'line item')}: '{id}'", param=name, code="resource_missing")
    return position


def retrieve_one(kind: str) -> Handler:
    """Reading one object of a kind."""
    return lambda world, call: world.get(kind, call.id, status=404)


def list_some(kind: str, *filters: str, where: Document | None = None) -> Handler:
    """A list of a kind with these filters, and with what `where` asks besides."""

    def list_objects(world: World, call: Call) -> Document:
        allowed = {*filters, "created", "limit", "starting_after", "ending_before", "expand"}
        if strange := call.params.keys() - allowed:
            raise unsupported(f"the filters {', '.join(sorted(strange))}")
        asked = {name: call.params[name] for name in filters if name in call.params}
        return page(world, call, kind, (where or {}) | asked | created_range(call.params))

    return list_objects
