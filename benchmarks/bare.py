"""Settings and addresses of the server under measurement: the product's, and beside them a bare view that inserts."""

import datetime as dt
from typing import Any

from django.urls import path
from rest_framework.parsers import JSONParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.models import StripeEvent
from huntaze import urls
from jobs.models import JobRun
from onlyfans.models import EarningsAggregate


class Bare(APIView):
    """Reads JSON, inserts one row, answers: what no endpoint that writes can do without."""

    permission_classes = [AllowAny]
    parser_classes = [JSONParser]

    def post(self, request: Request) -> Response:
        """Insert a run that asks for nothing."""
        run = JobRun.objects.create(job="bare", trigger="http", status="succeeded", slot=str(dict(request.data)["id"]))
        return Response({"id": run.pk}, status=202)


class BareEvent(APIView):
    """The same for an event of Stripe's, believed without a look at its signature."""

    permission_classes = [AllowAny]
    parser_classes = [JSONParser]

    def post(self, request: Request) -> Response:
        """Insert the event."""
        data: Any = request.data
        event = StripeEvent.objects.create(
            event_id=data["id"],
            type=data["type"],
            object_id=data["data"]["object"]["id"],
            created_at=dt.datetime.fromtimestamp(data["created"], dt.UTC),
            source="webhook",
            status="ignored",
            body=data,
        )
        return Response({"id": event.pk}, status=202)


class BareEarnings(APIView):
    """The same for a creator's month: one upsert, of a creator whose key the caller knows."""

    permission_classes = [AllowAny]
    parser_classes = [JSONParser]

    def post(self, request: Request) -> Response:
        """Upsert the month."""
        data: Any = request.data
        row = EarningsAggregate(
            creator_id=data["creator"],
            month=f"{data['month']}-01",
            category="uncategorized",
            gross_cents=data["grossCents"],
            net_cents=data["netCents"],
            currency=data["currency"],
            source="bare",
        )
        EarningsAggregate.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["creator", "month", "category"],
            update_fields=["gross_cents", "net_cents", "currency", "source", "received_at"],
        )
        return Response({"success": True}, status=200)


urlpatterns = [
    path("bare", Bare.as_view()),
    path("bare-event", BareEvent.as_view()),
    path("bare-earnings", BareEarnings.as_view()),
    *urls.urlpatterns,
]
