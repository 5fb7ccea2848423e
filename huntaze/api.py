"""The API's own description: the OpenAPI document, and the page on which people read it."""

from functools import cache
from typing import Any

from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import documents  # noqa: F401 - teaches the generator our models and doors
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
