"""The log of what happened, newest first."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.errors import refused
from sandbox.stripe.lists import created_range, page
from sandbox.stripe.world import Call, Handler, World

_MOST_TYPES = 20


def list_events(world: World, call: Call) -> Document:
    params = call.params
    if "type" in params and "types" in params:
        raise refused("You may only specify one of these parameters: type, types.")
    types = params.get("types", [])
    if len(types) > _MOST_TYPES:
        raise refused(f"You may list at most {_MOST_TYPES} types.", param="types")
    where: dict[str, Any] = created_range(params)
    if "type" in params:
        where |= _type_filter(params["type"])
    if types:
        where["type__in"] = types
    return page(world, call, "event", where)


def _type_filter(type: str) -> dict[str, Any]:
    if not type.endswith("*"):
        return {"type": type}
    prefix = type.removesuffix("*")
    return {"type__gte": prefix, "type__lt": prefix + "\uffff"}


def retrieve(world: World, call: Call) -> Document:
    return world.get("event", call.id, status=404)


OPERATIONS: dict[str, Handler] = {"GET /v1/events": list_events, "GET /v1/events/{id}": retrieve}
