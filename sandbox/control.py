"""`/control/`: how tests and the demo steer the sandbox. Every answer is JSON; README.md lists all of it."""

import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import onlyfans
from sandbox.faults import BadRule
from sandbox.stripe.controls import ACTIONS as STRIPE_ACTIONS
from sandbox.stripe.errors import StripeError
from sandbox.stripe.resources import invoice_state
from sandbox.stripe.world import COLLECTIONS, DISCOUNTS, KEYS, LINES, SETTINGS
from sandbox.world import World

Action = Callable[[World, Request, Any], Any]
_SERVICES = ("stripe", "onlyfans", "mail", "hooks", "faults", "requests")
_STRIPE = [*COLLECTIONS.values(), LINES, KEYS, SETTINGS, DISCOUNTS, "stripe.terms", "stripe.credit_note_lines"]


def routes(world: World) -> list[Route]:
    return [Route(path, _endpoint(world, action), methods=[method]) for method, path, action in _ACTIONS]


def _endpoint(world: World, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            raw = await request.body()
            given = json.loads(raw) if raw else {}
            result = action(world, request, given)
            if inspect.isawaitable(result):
                result = await result
        except (BadRule, StripeError, ValueError, TypeError, KeyError) as error:
            text = f"{error.args[0]} is required" if isinstance(error, KeyError) else str(error)
            return JSONResponse({"error": text}, 400)
        except LookupError as error:
            return JSONResponse({"error": str(error)}, 404)
        return JSONResponse(result)

    return answer


def _index(world: World, request: Request, given: Any) -> Any:
    return {"actions": [f"{method} {path}" for method, path, _ in _ACTIONS]}


def _reset(world: World, request: Request, given: Any) -> Any:
    """Forgets all, or only the `services` named."""
    services = given.get("services", _SERVICES)
    if strange := set(services) - set(_SERVICES):
        raise ValueError(f"unknown service {sorted(strange)[0]}; known are {', '.join(_SERVICES)}")
    if "stripe" in services:
        world.store.clear(*_STRIPE)
        world.stripe.reset()
    if "onlyfans" in services:
        world.store.clear(onlyfans.ACCOUNTS, onlyfans.MONTHS, onlyfans.SALES)
    if "mail" in services:
        world.mailbox.clear()
        world.mailbox.reset_rules()
    if "hooks" in services:
        world.hooks.clear()
    if "faults" in services:
        world.network.faults.clear()
    if "requests" in services:
        world.network.requests.clear()
    return {"reset": list(services)}


def _list_faults(world: World, request: Request, given: Any) -> Any:
    return {"faults": world.network.faults.describe()}


def _add_fault(world: World, request: Request, given: Any) -> Any:
    if strange := given.keys() & {"id", "seen", "fired"}:
        raise ValueError(f"{sorted(strange)[0]} is not for you to set")
    return asdict(world.network.faults.add(**given))


def _clear_faults(world: World, request: Request, given: Any) -> Any:
    world.network.faults.rules.clear()
    return {"faults": []}


def _remove_fault(world: World, request: Request, given: Any) -> Any:
    if not world.network.faults.remove(request.path_params["id"]):
        raise LookupError("no such fault")
    return {"faults": world.network.faults.describe()}


def _set_latency(world: World, request: Request, given: Any) -> Any:
    for service, milliseconds in given.items():
        if service not in {"stripe", "onlyfans", "mail"}:
            raise ValueError(f"unknown service {service}")
        world.network.faults.latency_ms[service] = float(milliseconds)
    return world.network.faults.latency_ms


def _requests(world: World, request: Request, given: Any) -> Any:
    filters = dict(request.query_params)
    limit = int(filters.pop("limit", 1000))
    return {"requests": world.network.select(limit, **filters)}


def _clear_requests(world: World, request: Request, given: Any) -> Any:
    world.network.requests.clear()
    return {"requests": []}


def _rate_limit(world: World, request: Request, given: Any) -> Any:
    limit = world.stripe.limit
    limit.per_second = _whole(given.get("per_second"))
    limit.per_endpoint = _whole(given.get("per_endpoint"))
    return {"per_second": limit.per_second, "per_endpoint": limit.per_endpoint}


def _whole(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 1):
        raise ValueError("a limit is a whole number of requests a second, or null for none")
    return value


def _forget_keys(world: World, request: Request, given: Any) -> Any:
    world.stripe.keys.forget(given.get("keys"))
    return {"kept": world.store.count(KEYS)}


def _advance(world: World, request: Request, given: Any) -> Any:
    """Puts Stripe's clock forward and does what falls due."""
    stripe = world.stripe.world
    stripe.advanced += float(given["seconds"])
    stripe.call = None
    with world.store.transaction():
        finalized = invoice_state.advance(stripe)
    return {"now": stripe.now(), "finalized": finalized}


def _checks(world: World, request: Request, given: Any) -> Any:
    """Whether own answers are checked against Stripe's description: costs time in load tests."""
    world.stripe.world.check_answers = bool(given["answers"])
    return {"answers": world.stripe.world.check_answers}


def _objects(world: World, request: Request, given: Any) -> Any:
    kind = request.path_params["kind"]
    collections = {**COLLECTIONS, "line_item": LINES, "idempotency_key": KEYS}
    if kind not in collections:
        raise LookupError(f"unknown kind {kind}; known are {', '.join(sorted(collections))}")
    found = world.store.select(collections[kind], dict(request.query_params))
    return {"count": len(found), "data": found}


def _webhooks(world: World, request: Request, given: Any) -> Any:
    endpoints = [{"url": entry["url"], "secret": entry["secret"]} for entry in given["endpoints"]]
    world.stripe.webhooks.endpoints = endpoints
    world.stripe.webhooks.automatic = bool(given.get("automatic"))
    return {"endpoints": [entry["url"] for entry in endpoints], "automatic": world.stripe.webhooks.automatic}


async def _deliver(world: World, request: Request, given: Any) -> Any:
    webhooks = world.stripe.webhooks
    events = webhooks.find(given.get("events"), given.get("types"))
    if given.get("reverse"):
        events.reverse()
    return {"deliveries": await webhooks.deliver(events, int(given.get("times", 1)))}


def _account(world: World, request: Request, given: Any) -> Any:
    return world.gateway.set_account(request.path_params["account"], **given)


def _seed(world: World, request: Request, given: Any) -> Any:
    account, month = request.path_params["account"], request.path_params["month"]
    return {"account": account, "month": month, "figures": world.gateway.seed(account, month, given)}


def _seed_sales(world: World, request: Request, given: Any) -> Any:
    account, month = request.path_params["account"], request.path_params["month"]
    return {"account": account, "transactions": world.gateway.seed_sales(account, month, given["transactions"])}


def _seed_many(world: World, request: Request, given: Any) -> Any:
    with world.store.transaction():
        for entry in given["months"]:
            world.gateway.seed(entry["account"], entry["month"], entry["cents"])
    return {"seeded": len(given["months"])}


def _messages(world: World, request: Request, given: Any) -> Any:
    found = world.mailbox.summary(**dict(request.query_params))
    return {"count": len(found), "messages": found}


def _clear_messages(world: World, request: Request, given: Any) -> Any:
    world.mailbox.clear()
    return {"count": 0, "messages": []}


def _list_hooks(world: World, request: Request, given: Any) -> Any:
    return {"count": world.hooks.count(), "hooks": world.hooks.describe()}


def _trust_hooks(world: World, request: Request, given: Any) -> Any:
    world.hooks.trust(request.path_params["name"], given["secret"])
    return {"name": request.path_params["name"]}


def _list_mail_rules(world: World, request: Request, given: Any) -> Any:
    return {"rules": world.mailbox.describe_rules()}


def _add_mail_rule(world: World, request: Request, given: Any) -> Any:
    if "fired" in given:
        raise ValueError("fired is not for you to set")
    return asdict(world.mailbox.add_rule(**given))


def _reset_mail_rules(world: World, request: Request, given: Any) -> Any:
    world.mailbox.reset_rules()
    return {"rules": world.mailbox.describe_rules()}


_ACTIONS: list[tuple[str, str, Action]] = [
    ("GET", "/control/", _index),
    ("POST", "/control/reset", _reset),
    ("GET", "/control/faults", _list_faults),
    ("POST", "/control/faults", _add_fault),
    ("DELETE", "/control/faults", _clear_faults),
    ("DELETE", "/control/faults/{id:int}", _remove_fault),
    ("PUT", "/control/latency", _set_latency),
    ("GET", "/control/requests", _requests),
    ("DELETE", "/control/requests", _clear_requests),
    ("PUT", "/control/stripe/rate-limit", _rate_limit),
    ("POST", "/control/stripe/forget-keys", _forget_keys),
    ("POST", "/control/stripe/advance", _advance),
    ("PUT", "/control/stripe/checks", _checks),
    ("PUT", "/control/stripe/webhooks", _webhooks),
    ("POST", "/control/stripe/deliver", _deliver),
    ("GET", "/control/stripe/objects/{kind}", _objects),
    *STRIPE_ACTIONS,
    ("PUT", "/control/onlyfans/{account}", _account),
    ("POST", "/control/onlyfans", _seed_many),
    ("PUT", "/control/onlyfans/{account}/{month}", _seed),
    ("PUT", "/control/onlyfans/{account}/{month}/transactions", _seed_sales),
    ("GET", "/control/hooks", _list_hooks),
    ("PUT", "/control/hooks/{name}", _trust_hooks),
    ("GET", "/control/mail/messages", _messages),
    ("DELETE", "/control/mail/messages", _clear_messages),
    ("GET", "/control/mail/rules", _list_mail_rules),
    ("POST", "/control/mail/rules", _add_mail_rule),
    ("DELETE", "/control/mail/rules", _reset_mail_rules),
]
