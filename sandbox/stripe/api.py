"""One request to the API from its first byte to its last: access, faults, idempotency, checks, work, answer."""

import json
import logging
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sandbox.exchange import Exchange, Network
from sandbox.faults import AFTER, BEFORE, Fault
from sandbox.store import Document, Store
from sandbox.stripe import access, params, spec
from sandbox.stripe.errors import StripeError, server_error, unsupported
from sandbox.stripe.expand import expand
from sandbox.stripe.idempotency import Keys
from sandbox.stripe.resources import OPERATIONS
from sandbox.stripe.resources.payments import Declined
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.world import API_VERSION, Call, World

_log = logging.getLogger(__name__)
_PREFIX = "/stripe"
_TYPES = {402: "card_error", 409: "idempotency_error"}
_CODES = {402: "card_declined", 429: "rate_limit"}


@dataclass
class Answer:
    """Status, body and headers, before they meet the network."""

    status: int
    body: str
    headers: dict[str, str]
    saved: bool = True
    object: str | None = None


class StripeApi:
    """Stripe's API over one store."""

    def __init__(self, store: Store, network: Network) -> None:
        self.world = World(store, spec.load(list(OPERATIONS)))
        self.keys = Keys(store)
        self.limit = access.RateLimit()
        self.webhooks = Webhooks(self.world)
        self.network = network

    async def __call__(self, request: Request) -> Response:
        """Answers a request below `/stripe/v1`."""
        path = request.url.path.removeprefix(_PREFIX)
        body = (
            request.url.query
            if request.method in {"GET", "DELETE"}
            else (await request.body()).decode(errors="replace")
        )
        exchange = self.network.begin("stripe", request, path, body)
        exchange.note(key=request.headers.get("idempotency-key"), request_id=self.world.new_id("req"))
        return await self._answer(request, exchange, path, body)

    async def _answer(self, request: Request, exchange: Exchange, path: str, body: str) -> Response:
        fault = exchange.fault
        if fault and fault.action in BEFORE:
            return await exchange.break_off(fault)
        key = exchange.entry["key"] if request.method == "POST" else None
        try:
            self._admit(request, path)
            if fault and fault.action == "status" and not fault.effect and not _keeps(fault.status):
                raise _refusal(fault)
            saved = self.keys.find(key, path, body, self.world.now()) if key else None
            if saved:
                return self._finish(request, exchange, _replayed(saved))
            operation, call = self._call(request.method, path, body, exchange)
        except StripeError as error:
            return self._finish(request, exchange, _error(error))
        if key:
            self.keys.busy.add(key)
        try:
            await exchange.delay()
            answer = self._execute(operation, call, fault, key, body)
        finally:
            self.keys.busy.discard(key or "")
        if fault and fault.action in AFTER:
            exchange.note(status=answer.status, object=answer.object)
            return await exchange.break_off(fault)
        return self._finish(request, exchange, answer)

    def _admit(self, request: Request, path: str) -> None:
        access.check_key(request.headers.get("authorization"))
        access.check_version(request.headers.get("stripe-version"))
        found = self.world.spec.find(request.method, path)
        self.limit.check(f"{request.method} {found[0].path if found else path}")

    def _call(self, method: str, path: str, body: str, exchange: Exchange) -> tuple[spec.Operation, Call]:
        found = self.world.spec.find(method, path)
        if found is None:
            if self.world.spec.exists(method, path):
                raise unsupported(f"{method} {path}")
            raise StripeError(
                f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at"
                " https://support.stripe.com/.",
                status=404,
                saved=False,
            )
        operation, ids = found
        values = params.read(operation.parameters, params.decode(body))
        if fault := self.world.spec.fault(operation.parameters, values):
            raise StripeError(f"The parameters do not fit Stripe's description: {fault}", saved=False)
        entry = exchange.entry
        return operation, Call(ids, values, path, entry["request_id"], entry["key"])

    def _execute(
        self, operation: spec.Operation, call: Call, fault: Fault | None, key: str | None, body: str
    ) -> Answer:
        """Does the work and keeps its answer under the key, both or neither."""
        self.world.call = call
        try:
            with self.world.store.transaction():
                answer = self._work(operation, call, fault)
                if key and answer.saved:
                    now = self.world.now()
                    request_id = call.request_id or ""
                    self.keys.save(key, call.path, body, now, answer.status, answer.body, request_id)
        except StripeError as error:
            answer = _error(error)
            if key and error.saved:
                self._save_refusal(key, call, body, answer)
        except Exception as error:
            _log.exception("a fault of the sandbox itself")
            answer = _error(server_error(f"The sandbox itself failed: {error!r}"))
        return answer

    def _save_refusal(self, key: str, call: Call, body: str, answer: Answer) -> None:
        with self.world.store.transaction():
            now, request_id = self.world.now(), call.request_id or ""
            self.keys.save(key, call.path, body, now, answer.status, answer.body, request_id)

    def _work(self, operation: spec.Operation, call: Call, fault: Fault | None) -> Answer:
        if fault and fault.action == "status" and not fault.effect:
            raise _refusal(fault)
        try:
            document = OPERATIONS[f"{operation.method} {operation.path}"](self.world, call)
        except Declined as error:
            return _error(error)
        document = expand(self.world, document, call.params.get("expand", []))
        if self.world.check_answers:
            self.world.check(self.world.spec.fault(operation.answer, document))
        if fault and fault.action == "status":
            return _error(_refusal(fault))
        return Answer(200, json.dumps(document), {}, object=document.get("id"))

    def _finish(self, request: Request, exchange: Exchange, answer: Answer) -> Response:
        headers = {"Request-Id": exchange.entry["request_id"], **answer.headers}
        headers["Stripe-Version"] = request.headers.get("stripe-version", API_VERSION)
        if (key := exchange.entry["key"]) and request.method == "POST":
            headers["Idempotency-Key"] = key
        exchange.note(status=answer.status, object=answer.object, replayed="Idempotent-Replayed" in headers)
        return Response(answer.body, answer.status, headers, "application/json")

    def reset(self) -> None:
        """Forgets everything, settings included."""
        self.limit = access.RateLimit()
        self.webhooks.endpoints.clear()
        self.webhooks.automatic = False
        self.world.advanced = 0.0
        self.world.check_answers = True


def _keeps(status: int) -> bool:
    """Whether an answer of this status comes from work that had begun, and is kept under its key."""
    return status == 402 or status >= 500


def _refusal(fault: Fault) -> StripeError:
    given = dict((fault.body or {}).get("error", fault.body or {}))
    message = given.pop("message", f"The sandbox was told to answer {fault.status}.")
    kind = given.pop("type", _TYPES.get(fault.status, "api_error" if fault.status >= 500 else "invalid_request_error"))
    code = given.pop("code", _CODES.get(fault.status))
    saved = _keeps(fault.status)
    return StripeError(message, status=fault.status, type=kind, code=code, saved=saved, headers=fault.headers, **given)


def _error(error: StripeError) -> Answer:
    return Answer(error.status, json.dumps({"error": error.error}), error.headers, error.saved)


def _replayed(saved: Document) -> Answer:
    headers = {"Idempotent-Replayed": "true", "Original-Request": saved["request_id"]}
    return Answer(saved["status"], saved["answer"], headers)
