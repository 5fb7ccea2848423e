"""The doors by which Stripe's events come: its own webhooks, and EventBridge, which brings the same events."""

import json
from typing import Any

from django.conf import settings
from django.db import DataError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import StripeEvent
from billing.providers.stripe_events import BadSignature, EventHead, NotAnEvent, check_signature, read_head
from billing.services.events import take_event
from common.api.authentication import EventBridgeKey
from common.api.errors import ApiError
from common.api.models import Answer
from common.api.parsing import Limits, check_bounds, read_bytes
from common.api.views import ApiView

_PARTNER = "aws.partner/stripe.com"
_SIGNATURE = "Stripe-Signature"


class ReceivedAnswer(Answer):
    """The event is stored; `is_new` tells whether this delivery brought it. What follows from it is done later."""

    event: str
    is_new: bool


class RawParser(BaseParser):
    """Hands a JSON body on as it came: its signature is over the bytes."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read the body within the view's `limits`."""
        return read_bytes(stream, parser_context["request"].META, parser_context["view"].limits)


class _EventView(ApiView):
    parser_classes = [RawParser]
    # EventBridge carries at most 256 KiB; an event of Stripe's shows at most a hundred of anything.
    limits = Limits(bytes=1024 * 1024, depth=40)
    source: StripeEvent.Source

    def parse(self, body: bytes) -> Any:
        """Read JSON within the view's `limits`."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise ApiError(400, "The body is not valid JSON.") from None
        check_bounds(value, self.limits, texts=False)
        return value

    def take(self, event: Any, body: str) -> Response:
        """Store an event and answer at once."""
        try:
            head = read_head(event)
        except NotAnEvent as error:
            raise ApiError(400, str(error), code="not_an_event") from None
        return self.answer(ReceivedAnswer(event=head.id, is_new=self._store(head, body)))

    def _store(self, head: EventHead, body: str) -> bool:
        try:
            return take_event(head, body, self.source) is not None
        except DataError:
            raise ApiError(400, "The event holds a value that can't be stored.", code="not_an_event") from None


class AnybodyWhoSigns(BasePermission):
    """Lets everybody in as far as the signature, which the view checks."""


class WebhookView(_EventView):
    """Stripe's own deliveries, signed with a secret of the endpoint."""

    permission_classes = [AnybodyWhoSigns]
    source = StripeEvent.Source.WEBHOOK

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses=ReceivedAnswer,
        parameters=[OpenApiParameter(_SIGNATURE, location=OpenApiParameter.HEADER, required=True)],
        tags=["stripe"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Check the signature, then store the event."""
        body = _read(request)
        try:
            check_signature(body, request.headers.get(_SIGNATURE, ""), settings.STRIPE_WEBHOOK_SECRET)
        except BadSignature as error:
            raise ApiError(403, str(error), code="bad_signature") from None
        return self.take(self.parse(body), body.decode())


class EventBridgeView(_EventView):
    """EventBridge's deliveries: the envelope of a partner event with the whole Stripe event as its detail."""

    authentication_classes = [EventBridgeKey]
    source = StripeEvent.Source.EVENTBRIDGE

    @extend_schema(request=OpenApiTypes.OBJECT, responses=ReceivedAnswer, tags=["stripe"])
    def post(self, request: Request) -> Response:
        """Take the event out of its envelope and store it."""
        envelope = self.parse(_read(request))
        if not isinstance(envelope, dict) or not f"{envelope.get('source', '')}/".startswith(f"{_PARTNER}/"):
            raise ApiError(400, f"The envelope's source must begin with {_PARTNER}.", code="not_an_event")
        event = envelope.get("detail")
        return self.take(event, json.dumps(event))


def _read(request: Request) -> bytes:
    """Return the body as it came; where none came at all, the parser was not even asked."""
    body = request.data
    return body if isinstance(body, bytes) else b""
