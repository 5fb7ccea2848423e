"""The base of every view of the API."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.authentication import Machine
from common.api.errors import ApiError
from common.api.models import ApiModel
from common.api.parsing import BoundedJSONParser, Limits, refuse_packed, refuse_unprintable
from common.origin import get_origin


class AlwaysJSON(BaseContentNegotiation):
    """Answers in JSON whatever the caller says it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Take JSON alone, by its media type."""
        kind = str(request.content_type).partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Take the first."""
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """Bounded JSON in, JSON out, one error shape; subclasses say who may call and answer with a model."""

    # Not HEAD: it would be a GET whose answer nobody reads, and some of ours start something.
    http_method_names = ["get", "post", "put", "patch", "delete"]
    parser_classes = [BoundedJSONParser]
    content_negotiation_class = AlwaysJSON
    limits: ClassVar[Limits] = Limits()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, authorize, throttle; then refuse what can't be read, or held by the database."""
        super().initial(request, *args, **kwargs)
        refuse_packed(request.META)
        if isinstance(request.user, Machine):
            # Whatever it changes is written down under its name.
            get_origin().who = str(request.user)
        for name, values in request.query_params.lists():
            refuse_unprintable(name + "".join(values))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Keep answers out of caches."""
        answered: Response = super().finalize_response(request, response, *args, **kwargs)
        answered.setdefault("Cache-Control", "no-store")
        return answered

    @staticmethod
    def answer(model: ApiModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """Answer with a model, in camelCase."""
        return Response(model.model_dump(mode="json", by_alias=True), status=status, headers=headers)


class NoSuchAddress(ApiView):
    """What stands behind every address of the API that nobody has; a slash too many or too few is overlooked."""

    schema = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer as the address without the slash at its end, or with one, would; else 404."""
        path = request.path_info
        try:
            found = resolve(path[:-1] if path.endswith("/") else f"{path}/")
        except Resolver404:
            return super().dispatch(request, *args, **kwargs)
        if getattr(found.func, "view_class", None) is type(self):
            return super().dispatch(request, *args, **kwargs)
        request.resolver_match = found
        answer: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
        return answer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse every method alike."""
        raise ApiError(404, "There is nothing at this address.")
