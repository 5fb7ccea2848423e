"""A phone: what its authenticator app would show."""

import base64
import time

from django.test import Client
from django.urls import reverse
from django_otp.oath import hotp

from accounts.models import User
from accounts.services.second_step import STEP_SECONDS, enrol, new_secret


class Phone:
    """An authenticator app that shows each code once, the next one if need be: within what clocks may differ."""

    def __init__(self, secret: str) -> None:
        self._key = base64.b32decode(secret.replace(" ", ""))
        self._shown = 0

    def show(self) -> str:
        """Return a code that was not shown before."""
        self._shown = max(int(time.time() // STEP_SECONDS), self._shown + 1)
        return self.show_again()

    def show_again(self) -> str:
        """Return the last code once more."""
        return f"{hotp(self._key, self._shown):06}"  # type: ignore[no-untyped-call]  # the library has no types


def give_phone(user: User) -> tuple[Phone, list[str]]:
    """Let somebody have set up their second step; return their phone and their recovery codes."""
    secret = new_secret()
    phone = Phone(secret)
    codes = enrol(user, secret, phone.show())
    assert codes is not None
    return phone, codes


def show_password(user: User, password: str, wanted: str = "") -> tuple[Client, str]:
    """Send the first step; return the client, and the address to which it leads or an empty one."""
    client = Client()
    query = f"?next={wanted}" if wanted else ""
    answer = client.post(reverse("admin:login") + query, {"username": user.email, "password": password})
    return client, answer.headers.get("Location", "")
