"""Machines: they show a secret that the settings hold, several at once while one is replaced.

A wrong secret is 403 and never 401: EventBridge takes a 401 for something that heals and calls again for a day.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Machine:
    """Who calls with a secret: `name` says which door, `number` which of its secrets, counted from one."""

    name: str
    number: int
    is_authenticated: bool = True

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


def find_secret(given: str, secrets: Sequence[str]) -> int:
    """Return which secret was given, counted from one, or 0; it takes as long for each and for none."""
    mine, found = _digest(given), 0
    for number, secret in enumerate(secrets, start=1):
        if hmac.compare_digest(mine, _digest(secret)):
            found = number
    return found


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


class MachineSecret(BaseAuthentication):
    """The base of these doors: which settings hold the secrets, by the name of their callers, and in which header."""

    sources: ClassVar[Mapping[str, str]]
    header: ClassVar[str]
    takes_bearer: ClassVar[bool] = False

    def authenticate(self, request: Request) -> tuple[Machine, str] | None:
        """Let in whoever shows one of the secrets; None where nothing is shown."""
        given = self._given(request)
        if given is None:
            return None
        numbers = {name: find_secret(given, getattr(settings, setting)) for name, setting in self.sources.items()}
        name = next((name for name, number in numbers.items() if number), None)
        if name is None:
            raise PermissionDenied(f"The secret in {self.header} is not one of ours.")
        return Machine(name, numbers[name]), name

    def _given(self, request: Request) -> str | None:
        given: str | None = request.headers.get(self.header)
        authorization = request.headers.get("authorization", "")
        if given is None and self.takes_bearer and authorization.lower().startswith(_BEARER):
            given = authorization[len(_BEARER) :].strip()
        return given


class CronSecret(MachineSecret):
    """Schedulers: `x-cron-secret`, or the bearer token that Vercel sends."""

    sources, header, takes_bearer = {"cron secret": "CRON_SECRETS"}, "x-cron-secret", True


class ApiKey(MachineSecret):
    """Servers: `x-api-key`. A subclass may name settings of its own."""

    sources, header = {"API key": "API_KEYS"}, "x-api-key"


class EventBridgeKey(ApiKey):
    """EventBridge's connection: `x-api-key`."""

    sources = {"EventBridge key": "EVENTBRIDGE_API_KEYS"}


class ServerKey(ApiKey):
    """Whoever has an `x-api-key`, a server's or EventBridge's."""

    sources = {**ApiKey.sources, **EventBridgeKey.sources}
