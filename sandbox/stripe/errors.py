"""Refusals in Stripe's words."""

from typing import Any


class StripeError(Exception):
    """An answer other than success: the HTTP status and the body's `error` object.

    `saved` says whether Stripe keeps this answer under the request's idempotency key: it does for whatever
    happened once the work had begun, and does not for a request turned away before.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        saved: bool = True,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        self.headers = headers or {}
        fields = {"code": code, "message": message, "param": param, "type": type, **more}
        self.error = {key: value for key, value in fields.items() if value is not None}
        if code:
            self.error["doc_url"] = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"


def refused(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """A parameter that is wrong before any work begins."""
    return StripeError(message, param=param, code=code, saved=False)


def missing(kind: str, id: str, param: str = "id", status: int = 400) -> StripeError:
    """No object with this id. Stripe answers 404 where the id is in the path and 400 where it is a parameter."""
    return StripeError(f"No such {kind}: '{id}'", status=status, code="resource_missing", param=param)


def unsupported(what: str) -> StripeError:
    """Something that Stripe can do and the sandbox cannot: refused loudly rather than ignored."""
    return StripeError(f"The sandbox does not support {what}.", code="sandbox_unsupported", saved=False)


def server_error(message: str) -> StripeError:
    return StripeError(message, status=500, type="api_error")
