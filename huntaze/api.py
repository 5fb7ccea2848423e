"""The API's own description, and its answers where a request does not even get as far as a view."""

import sys
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views import defaults
from django.views.decorators.csp import csp_override
from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import documents  # noqa: F401 - teaches the generator our models and doors
from common.api.errors import ApiError, took_too_long
from common.api.views import ApiView

# Everything from us, no inline script, nothing evaluated; the page's own library writes styles and draws with data:.
_POLICY: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}


@cache
def make_document() -> dict[str, Any]:
    """Make the OpenAPI document, once a process: what it describes is the code."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


class SchemaView(ApiView):
    """The OpenAPI document, for whoever asks."""

    schema = None
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        """Answer with the document."""
        return Response(make_document(), headers={"Cache-Control": "public, max-age=300"})


@method_decorator(csp_override(_POLICY), name="dispatch")
class DocsView(TemplateView):
    """The document as a page."""

    template_name = "api/docs.html"


def answer_malformed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what is refused before any view: another host's name, a header that is no header."""
    if request.path.startswith("/api/"):
        return _answer(ApiError(400, "The request is malformed."))
    return defaults.bad_request(request, exception)


def answer_failed(request: HttpRequest) -> HttpResponse:
    """Answer where something failed around the views."""
    if request.path.startswith("/api/"):
        return _answer(ApiError(500, "Something went wrong on our side; it has been noted.", code="server_error"))
    if took_too_long(sys.exception()):
        return render(request, "503.html", status=503)
    return defaults.server_error(request)


def _answer(error: ApiError) -> HttpResponse:
    return JsonResponse(error.body(), status=error.status, headers={"Cache-Control": "no-store"})
