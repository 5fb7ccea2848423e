"""Machines: they show a secret that the settings hold, several at once while one is replaced.

A wrong secret is 403 and never 401: EventBridge takes a 401 for something that heals and calls again for a day.
"""

import hashlib
import hmac
from collections.abc import Sequence
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
    """The base of these doors: which setting holds the secrets, and which headers may carry one."""

    name: ClassVar[str]
    setting: ClassVar[str]
    header: ClassVar[str]
    takes_bearer: ClassVar[bool] = False

    def authenticate(self, request: Request) -> tuple[Machine, str] | None:
        """Let in whoever shows one of the secrets; None where nothing is shown."""
        given = self._given(request)
        if given is None:
            return None
        number = find_secret(given, getattr(settings, self.setting))
        if not number:
            raise PermissionDenied(f"The secret in {self.header} is not one of ours.")
        return Machine(self.name, number), self.name

    def _given(self, request: Request) -> str | None:
        given: str | None = request.headers.get(self.header)
        authorization = request.headers.get("authorization", "")
        if given is None and self.takes_bearer and authorization.lower().startswith(_BEARER):
            given = authorization[len(_BEARER) :].strip()
        return given


class CronSecret(MachineSecret):
    """Schedulers: `x-cron-secret`, or the bearer token that Vercel sends."""

    name, setting, header, takes_bearer = "cron secret", "CRON_SECRETS", "x-cron-secret", True


class ApiKey(MachineSecret):
    """Servers: `x-api-key`. A subclass may name a setting of its own."""

    name, setting, header = "API key", "API_KEYS", "x-api-key"


class EventBridgeKey(ApiKey):
    """EventBridge's connection: `x-api-key`."""

    name, setting = "EventBridge key", "EVENTBRIDGE_API_KEYS"
