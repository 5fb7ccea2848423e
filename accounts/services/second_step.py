"""The second step of a log-in: codes of an authenticator app, and recovery codes for the day it is lost."""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote, urlencode

from django.db import transaction
from django.utils.crypto import get_random_string
from django_otp.oath import hotp

from accounts.models import Authenticator, RecoveryCode, User
from accounts.services.auditing import CHANGED, record_action
from accounts.services.lockouts import Kind, give_back, note_failure, take_attempt
from accounts.services.sessions import end_sessions
from common.clock import now
from common.errors import Misconfigured
from common.origin import get_origin

APP, RECOVERY = "authenticator app", "recovery code"
WRONG_CODE = "That code is not right, or was used already. Wait for the next one and try again."
STEP_SECONDS, DIGITS = 30, 6
_SECRET_BYTES = 20
# A phone's clock may be a step before or behind ours.
_TOLERANCE = 1
RECOVERY_CODES = 10
# 16 characters of 31 are 79 bits: too many to be found from a digest.
_RECOVERY_LENGTH = 16
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """Make a secret, as authenticator apps take it: in base32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def address_of_secret(user: User, secret: str, issuer: str) -> str:
    """Return what the QR code says."""
    query = urlencode({"secret": secret, "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(user.email)}?{query}"


def find_step(secret: str, code: str, after: int = 0, at: float | None = None) -> int | None:
    """Return the time step whose code it is, among those around now and later than `after`."""
    digits = re.sub(r"\s", "", code)
    current = int((time.time() if at is None else at) // STEP_SECONDS)
    key = base64.b32decode(secret)
    for step in range(current - _TOLERANCE, current + _TOLERANCE + 1):
        number = hotp(key, step, DIGITS)  # type: ignore[no-untyped-call]  # the library has no types
        wanted = f"{number:0{DIGITS}}"
        if hmac.compare_digest(wanted.encode(), digits.encode()) and step > after:
            return step
    return None


def has_second_step(user: User) -> bool:
    """Return whether somebody has an authenticator."""
    return Authenticator.objects.filter(user=user).exists()


@transaction.atomic
def enrol(user: User, secret: str, code: str) -> list[str] | None:
    """Keep an authenticator that has shown its first code; return recovery codes, or None where the code is wrong."""
    step = find_step(secret, code)
    if step is None:
        return None
    _, created = Authenticator.objects.get_or_create(user=user, defaults={"secret": secret, "last_step": step})
    if not created:
        return None
    record_action("enrol", user, actor=user, after={"second step": APP})
    return _renew_codes(user)


def check_code(user: User, code: str) -> bool:
    """Return whether a code is right and new, which it is once; LockedOut after too many that were not."""
    return _check(user, lambda: _take_code(user, code))


def check_recovery_code(user: User, code: str) -> bool:
    """Return whether a recovery code is one of the user's and unused, and use it up; LockedOut after too many."""
    return _check(user, lambda: _take_recovery_code(user, code))


def prove(user: User, code: str) -> str:
    """Return which second step a code shows, of the app or for recovery; empty where none. LockedOut after too many."""
    if re.sub(r"\s", "", code).isdecimal():
        return APP if check_code(user, code) else ""
    return RECOVERY if check_recovery_code(user, code) else ""


def _check(user: User, take: Callable[[], bool]) -> bool:
    address = get_origin().address
    take_attempt(Kind.CODE, user.email, address)
    try:
        is_right = take()
    except Misconfigured:
        # Whoever can't be checked has failed at nothing.
        give_back(Kind.CODE, user.email, address)
        raise
    if is_right:
        give_back(Kind.CODE, user.email, address)
        return True
    note_failure(Kind.CODE, user.email, address, user)
    return False


def _take_code(user: User, code: str) -> bool:
    authenticator = Authenticator.objects.filter(user=user).first()
    if authenticator is None:
        return False
    step = find_step(authenticator.secret, code, authenticator.last_step)
    if step is None:
        return False
    # Of two who bring the same code at the same time, one is too late.
    mine = Authenticator.objects.filter(pk=authenticator.pk, last_step__lt=step)
    return mine.update(last_step=step) == 1


def _take_recovery_code(user: User, code: str) -> bool:
    unused = RecoveryCode.objects.filter(user=user, digest=_digest(user, code), used_at__isnull=True)
    return unused.update(used_at=now()) == 1


def count_recovery_codes(user: User) -> int:
    """Count the recovery codes that are left."""
    return RecoveryCode.objects.filter(user=user, used_at__isnull=True).count()


@transaction.atomic
def renew_recovery_codes(user: User) -> list[str]:
    """Make new recovery codes, which are returned this once; the old ones work no more."""
    record_action("renew-recovery-codes", user, actor=user, after={"recovery codes": CHANGED})
    return _renew_codes(user)


def _renew_codes(user: User) -> list[str]:
    codes = [get_random_string(_RECOVERY_LENGTH, _ALPHABET) for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in codes)
    return ["-".join(code[start : start + 4] for start in range(0, _RECOVERY_LENGTH, 4)) for code in codes]


def _digest(user: User, code: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", code.lower())
    return hashlib.sha256(f"{user.pk}:{plain}".encode()).hexdigest()


@transaction.atomic
def reset_second_step(user: User, *, actor: User | None, reason: str) -> None:
    """Forget somebody's authenticator and recovery codes, and end their sessions: their phone is lost."""
    Authenticator.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    end_sessions(user)
    record_action("reset-second-step", user, actor=actor, after={"second step": "none"}, reason=reason)


@transaction.atomic
def forget_second_step(user: User) -> None:
    """Forget one's own authenticator and recovery codes, to set up another one."""
    Authenticator.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    record_action("forget-second-step", user, actor=user, after={"second step": "none"})
