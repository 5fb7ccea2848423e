"""What machines ask: are you alive, are you ready, what are your figures?"""

import hmac
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from huntaze import metrics
from huntaze.health import check_readiness, describe


def tell_alive(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; nothing else is asked, the database least of all."""
    return _fresh(JsonResponse({"alive": True}))


def tell_ready(request: HttpRequest) -> HttpResponse:
    """Say what holds and what does not, 503 where anything does not; `?exclude=scheduler,work` leaves checks out."""
    without = request.GET.get("exclude", "").split(",")
    found = describe(check_readiness(without))
    return _fresh(JsonResponse(found, status=200 if found["ready"] else 503))


def tell_metrics(request: HttpRequest) -> HttpResponse:
    """Give the figures to whoever knows `METRICS_TOKEN`."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    is_known = hmac.compare_digest(given.strip().encode(), token.encode()) and scheme.lower() == "bearer"
    if not token or not is_known:
        return _fresh(HttpResponse("Send METRICS_TOKEN as bearer token.\n", status=403, content_type="text/plain"))
    return _fresh(HttpResponse(metrics.render(), content_type=CONTENT_TYPE_LATEST))


def _fresh(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    # Asked every few seconds, it would fill the log with what whoever asks knows from the answer.
    return leave_unlogged(response)


def leave_unlogged(response: HttpResponse) -> HttpResponse:
    """Keep the framework from writing a line of its own about a refusal."""
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own mark, unknown to its stubs
    return response


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": tell_alive,
    "/readyz": tell_ready,
    "/metrics": tell_metrics,
}
