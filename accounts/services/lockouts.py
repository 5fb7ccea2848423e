"""Lock-out: after repeated failures the door stays shut for a while, for whoever it is and wherever they knock."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models import F

from accounts.models import LockOut, User
from accounts.services.auditing import record_action
from common.clock import now
from common.origin import get_origin

Kind = LockOut.Kind
# So many failures over all accounts, as a multiple of those of one, shut the door to a network.
_ACCOUNTS_OF_A_NETWORK = 10
_FORGOTTEN_AFTER = dt.timedelta(days=1)
# An attempt is counted before it is made: of many at the same time no more are let through than of many in a row.
_COUNT = """
    INSERT INTO accounts_lockout AS counted (kind, account, network, failures, last_failed_at, locked_until)
    VALUES (%(kind)s, %(account)s, %(network)s, 1, %(now)s, CASE WHEN %(most)s <= 1 THEN %(until)s END)
    ON CONFLICT (kind, account, network) DO UPDATE SET
        failures = CASE WHEN counted.last_failed_at < %(stale)s THEN 1 ELSE counted.failures + 1 END,
        locked_until = CASE WHEN counted.last_failed_at >= %(stale)s AND counted.failures + 1 >= %(most)s
                            OR %(most)s <= 1 THEN %(until)s END,
        last_failed_at = %(now)s
    WHERE counted.locked_until IS NULL OR counted.locked_until <= %(now)s
    RETURNING failures
"""


class LockedOut(Exception):
    """Too many failures; `until` says when to try again."""

    def __init__(self, until: dt.datetime) -> None:
        super().__init__(
            f"Too many attempts. Try again after {until:%H:%M} UTC, or ask an administrator to unlock you."
        )
        self.until = until


@dataclass(frozen=True)
class Place:
    """What failures are counted for."""

    kind: str
    account: str
    network: str
    most: int


def list_places(kind: str, account: str, address: str) -> list[Place]:
    """List what an attempt counts for: a code counts for its account from anywhere, for the password is known."""
    most = settings.LOCKOUT_FAILURES
    account = account.strip().lower()[:254].replace("\x00", "")
    if kind == Kind.CODE:
        return [Place(kind, account, "", most)]
    network = name_network(address)
    places = [Place(kind, account, network, most)]
    return [*places, Place(kind, "", network, most * _ACCOUNTS_OF_A_NETWORK)] if network else places


def name_network(address: str) -> str:
    """Return the network whose attempts count as one caller's: an IPv4 address, or the 64 bits that a host may vary."""
    if not address:
        return ""
    parsed = ipaddress.ip_address(address)
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if parsed.version == 6 else address


def find_lock(kind: str, account: str, address: str) -> dt.datetime | None:
    """Return until when the door is shut; None where it is open."""
    found = [_row(place) for place in list_places(kind, account, address)]
    locks = [row.locked_until for row in found if row and row.locked_until and row.locked_until > now()]
    return max(locks, default=None)


def take_attempt(kind: str, account: str, address: str) -> None:
    """Count an attempt as failed before it is made; LockedOut, counting nothing, where the door is shut."""
    places = list_places(kind, account, address)
    with transaction.atomic():
        for place in places:
            if not _count(place):
                raise LockedOut(find_lock(kind, account, address) or now())


def _count(place: Place) -> bool:
    at, length = now(), dt.timedelta(minutes=settings.LOCKOUT_MINUTES)
    values: dict[str, str | int | dt.datetime] = {
        "kind": place.kind,
        "account": place.account,
        "network": place.network,
        "most": place.most,
        "now": at,
        "stale": at - length,
        "until": at + length,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        return cursor.fetchone() is not None


def give_back(kind: str, account: str, address: str) -> None:
    """Forget an account's failures after one that was none; of the network's, only this one."""
    own, *shared = list_places(kind, account, address)
    LockOut.objects.filter(kind=own.kind, account=own.account, network=own.network).delete()
    for place in shared:
        rows = LockOut.objects.filter(kind=place.kind, account="", network=place.network, failures__gt=0)
        rows.update(failures=F("failures") - 1, locked_until=None)


def note_failure(kind: str, account: str, address: str, user: User | None = None) -> None:
    """Write a failed attempt into the audit trail, and that it shut the door; forget what is long past."""
    typed = _name_typed(account)
    until = find_lock(kind, account, address)
    what = {"with": Kind(kind).label.lower()}
    if until:
        record_action("lock-out", user, who=typed, after={**what, "until": until})
    else:
        record_action("log-in-failed", user, who=typed, after=what)
    LockOut.objects.filter(last_failed_at__lt=now() - _FORGOTTEN_AFTER).delete()


@transaction.atomic
def unlock(lock: LockOut, *, actor: User, reason: str = "") -> None:
    """Open a door before its time."""
    before = {"failures": lock.failures, "locked_until": lock.locked_until}
    record_action("unlock", lock, actor=actor, before=before, reason=reason)
    lock.delete()


def _row(place: Place) -> LockOut | None:
    return LockOut.objects.filter(kind=place.kind, account=place.account, network=place.network).first()


def _name_typed(account: str) -> str:
    """Name who tried; what is no address may be a password in the wrong field."""
    try:
        validate_email(account)
    except ValidationError:
        return "not an e-mail address"
    return account.lower()


class GuardedBackend(ModelBackend):
    """Checks passwords, for whatever door asks, as long as the account is not locked out."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return whose password it is; None where it is nobody's, or too many were wrong."""
        account = username or str(kwargs.get(User.USERNAME_FIELD) or "")
        if not account or password is None:
            return None
        address = get_origin().address
        try:
            take_attempt(Kind.PASSWORD, account, address)
        except LockedOut:
            return None
        user = super().authenticate(request, account, password)
        if not isinstance(user, User):
            note_failure(Kind.PASSWORD, account, address, User.objects.filter(email=account.strip().lower()).first())
            return None
        give_back(Kind.PASSWORD, account, address)
        return user
