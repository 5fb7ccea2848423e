"""Addresses for the tests of the API's base alone."""

from typing import Any, ClassVar

from django.db import OperationalError
from django.urls import path, re_path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.authentication import ApiKey, CronSecret
from common.api.errors import ApiError
from common.api.models import ApiModel, Instant, read_model
from common.api.parsing import Limits
from common.api.views import ApiView, NoSuchAddress
from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable


class Asked(ApiModel):
    """A body of the tests."""

    how_many: int = 1
    since: Instant | None = None
    parts_of: tuple["Asked", ...] = ()


class Echo(ApiView):
    """Says what it understood."""

    permission_classes = [AllowAny]
    limits = Limits(bytes=2_000, depth=5, entries=20)

    def get(self, request: Request) -> Response:
        """Answer with the query's names."""
        return Response({"names": sorted(request.query_params)})

    def post(self, request: Request) -> Response:
        """Answer with the body as it was read."""
        return self.answer(read_model(Asked, request.data))


class Slashed(Echo):
    """The same, at an address that ends in a slash."""


class ForSchedulers(ApiView):
    """Lets schedulers in."""

    authentication_classes = [CronSecret]

    def get(self, request: Request) -> Response:
        """Say who asks."""
        return Response({"caller": str(request.user)})

    post = get


class ForServers(ForSchedulers):
    """Lets servers in."""

    authentication_classes = [ApiKey]


class Failing(ApiView):
    """Fails as its address says."""

    permission_classes = [AllowAny]
    ways: ClassVar[dict[str, Exception]] = {
        "api": ApiError(418, "Short and stout.", code="teapot", headers={"X-Pot": "1"}),
        "retryable": Retryable("Later.", retry_after=7.4),
        "unknown": OutcomeUnknown("Look first."),
        "permanent": Permanent("Never."),
        "misconfigured": Misconfigured("STRIPE_API_KEY lacks what it needs."),
        "database": OperationalError("connection to 10.0.0.7 as huntaze failed"),
        "unforeseen": ZeroDivisionError("secret detail"),
    }

    def get(self, request: Request, way: str) -> Response:
        """Fail."""
        raise self.ways[way]


urlpatterns: list[Any] = [
    path("api/echo", Echo.as_view()),
    path("api/slashed/", Slashed.as_view()),
    path("api/schedulers", ForSchedulers.as_view()),
    path("api/servers", ForServers.as_view()),
    path("api/failing/<way>", Failing.as_view()),
    re_path("^api/", NoSuchAddress.as_view()),
]
