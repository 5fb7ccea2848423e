"""One shape for everything that goes wrong, and how each exception comes to have it."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from common.clock import iso, now
from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable

logger = logging.getLogger(__name__)
Fields = Mapping[str, Sequence[str]]
_WAIT_SECONDS = 5
_CANCELLED = "57014"
_CODES = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
}


class ApiError(Exception):
    """Ends a request with an answer in the error shape; `fields` holds sentences by the name of a parameter."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        fields: Fields | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code or _CODES.get(status, "error")
        self.fields, self.headers = fields or {}, dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.fields:
            error["fields"] = {name: list(sentences) for name, sentences in self.fields.items()}
        return {"success": False, "error": error, "timestamp": iso(now())}


def refuse_fields(fields: Fields) -> ApiError:
    """Make the error for parameters that do not fit."""
    names = ", ".join(sorted(fields))
    return ApiError(400, f"These parameters do not fit: {names}.", code="invalid_parameters", fields=fields)


def answer_exception(exception: Exception, context: dict[str, Any]) -> Response:
    """Turn any exception of a view into an answer; what nobody foresaw is logged and tells the caller nothing."""
    error = _translate(exception)
    if error is None:
        request = getattr(context.get("request"), "_request", None)
        got_request_exception.send(sender=type(context.get("view")), request=request)
        logger.error("Unforeseen %s in the API", type(exception).__name__, exc_info=exception)
        error = ApiError(500, "Something went wrong on our side; it has been noted.", code="server_error")
    return Response(error.body(), status=error.status, headers=error.headers)


def _translate(exception: Exception) -> ApiError | None:
    if isinstance(exception, ApiError):
        return exception
    if isinstance(exception, exceptions.APIException):
        return _from_framework(exception)
    if isinstance(exception, Http404):
        return ApiError(404, str(exception) or "There is nothing at this address.")
    if isinstance(exception, DjangoPermissionDenied):
        return ApiError(403, str(exception) or "You may not do that.")
    if isinstance(exception, RequestDataTooBig):
        return ApiError(413, "The body is too large.")
    if isinstance(exception, SuspiciousOperation):
        return ApiError(400, "The request is malformed.")
    return _from_work(exception)


def _from_work(exception: Exception) -> ApiError | None:
    if isinstance(exception, Permanent):
        return ApiError(400, exception.message, code="refused")
    if isinstance(exception, Retryable | OutcomeUnknown):
        seconds = getattr(exception, "retry_after", None) or _WAIT_SECONDS
        return _unavailable(exception.message, seconds)
    if isinstance(exception, Misconfigured):
        logger.error("The API can't answer: %s", exception.message)
        return _unavailable("The installation must be repaired first; staff can see why.")
    if took_too_long(exception):
        logger.error("The database cancelled a statement of the API that took too long")
        return _unavailable("The database took too long: ask for less, or try again later.")
    if isinstance(exception, OperationalError | InterfaceError):
        logger.error("The API can't reach the database (%s)", type(exception).__name__)
        return _unavailable("The database can't be reached just now.")
    return None


def took_too_long(exception: BaseException | None) -> bool:
    """Return whether the database cancelled a statement because it took longer than this process lets it."""
    return isinstance(exception, OperationalError) and getattr(exception.__cause__, "sqlstate", "") == _CANCELLED


def _unavailable(message: str, seconds: float = _WAIT_SECONDS) -> ApiError:
    return ApiError(503, message, code="unavailable", headers={"Retry-After": str(max(1, round(seconds)))})


def _from_framework(exception: exceptions.APIException) -> ApiError:
    headers = {}
    if challenge := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(exception, exceptions.Throttled):
        # Half a second left is rounded up: whoever waits that long must not be refused again.
        wait: float = getattr(exception, "wait", None) or _WAIT_SECONDS
        seconds = max(1, math.ceil(wait))
        return ApiError(429, "Too many requests; wait a little.", headers={"Retry-After": str(seconds)})
    if isinstance(exception, exceptions.ValidationError):
        return _from_serializer(exception)
    return ApiError(exception.status_code, _sentence(exception.detail), headers=headers)


def _from_serializer(exception: exceptions.ValidationError) -> ApiError:
    if not isinstance(exception.detail, dict):
        return ApiError(400, _sentence(exception.detail), code="invalid_parameters")
    fields = {
        str(name): [str(part) for part in (said if isinstance(said, list) else [said])]
        for name, said in exception.detail.items()
    }
    return refuse_fields(fields)


def _sentence(detail: Any) -> str:
    if isinstance(detail, dict):
        detail = detail.get("detail", "The request was refused.")
    if isinstance(detail, list):
        detail = " ".join(str(part) for part in detail)
    return str(detail)
