"""Tokens of people who use the API: short ones to ask with, long ones that are exchanged for new pairs, once each.

The pairs that came of one log-in are a family, which ends as a whole: by logging out, or when a refresh token is used
a second time, for then somebody else has a copy. A token also ends with its user's password or deactivation.
"""

import datetime as dt
from dataclasses import dataclass, field

from django.contrib.auth.models import update_last_login
from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, Token

from accounts.models import Organization, User
from accounts.services.auditing import record_action
from common.clock import now

# A browser that lost an answer, or has two windows, asks twice within moments; a thief comes later.
_ASKED_TWICE_WITHIN = dt.timedelta(seconds=10)
_FINGERPRINT_LENGTH = 32


class InvalidToken(Exception):
    """A token that opens nothing: forged, expired, used before, or of somebody who may not log in."""


@dataclass(frozen=True)
class Tokens:
    """A pair of tokens; `expires_in` is the access token's life in seconds."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in: int


class _Refresh(RefreshToken):
    """A refresh token that does not look by itself whether it was used: that needs a lock."""

    def check_blacklist(self) -> None:
        """Leave it to the caller."""


def may_have_tokens(user: User) -> bool:
    """Return whether somebody may use the API: active, and not of an organization that is closed."""
    organization = user.organization
    return user.is_active and (organization is None or organization.status != Organization.Status.CLOSED)


@transaction.atomic
def log_in(user: User, proof: str = "") -> Tokens:
    """Make the first pair of tokens for somebody who has shown who they are; `proof` names the second step."""
    update_last_login(User, user)
    record_action("log-in", user, actor=user, after={"second step": proof or "none"})
    return issue_tokens(user)


def log_out(text: str) -> None:
    """End a refresh token's family, with an audit entry; as `revoke_tokens` otherwise."""
    owner = User.objects.filter(pk=_number(_read(text).get("sub"))).first()
    with transaction.atomic():
        revoke_tokens(text)
        record_action("log-out", owner, actor=owner)


@transaction.atomic
def issue_tokens(user: User, family: str = "") -> Tokens:
    """Make a pair of tokens for somebody, the first of a family unless one is named."""
    OutstandingToken.objects.filter(user=user, expires_at__lt=now()).delete()
    refresh = _Refresh()
    refresh["sub"], refresh["organization"], refresh["role"] = str(user.pk), user.organization_id, user.role
    refresh["family"] = family or refresh["jti"]
    refresh["fingerprint"] = _fingerprint(user)
    expires_at = dt.datetime.fromtimestamp(refresh["exp"], tz=dt.UTC)
    # The library keeps the token itself in this column; its family is all that is ever needed.
    OutstandingToken.objects.create(
        user=user, jti=refresh["jti"], token=refresh["family"], created_at=refresh.current_time, expires_at=expires_at
    )
    access = refresh.access_token
    return Tokens(str(access), str(refresh), access["exp"] - access["iat"])


def refresh_tokens(text: str) -> tuple[User, Tokens]:
    """Exchange a refresh token for a new pair, once; InvalidToken otherwise."""
    token = _read(text)
    with transaction.atomic():
        # Two that come with the same token take turns here.
        row = OutstandingToken.objects.select_for_update().filter(jti=token["jti"]).order_by("pk").first()
        used = BlacklistedToken.objects.filter(token=row).first() if row else None
        if row and used is None:
            user = find_owner(token)
            BlacklistedToken.objects.create(token=row)
            return user, issue_tokens(user, row.token)
        if row and used and now() - used.blacklisted_at > _ASKED_TWICE_WITHIN:
            _end_family(token)
    raise InvalidToken


def revoke_tokens(text: str) -> None:
    """End a refresh token's family; InvalidToken where it is none of ours, but not where it has ended before."""
    _end_family(_read(text))


def find_owner(token: Token) -> User:
    """Find whose token it is, if they may still use it; InvalidToken otherwise."""
    user = User.objects.select_related("organization").filter(pk=_number(token.get("sub"))).first()
    if user is None or not may_have_tokens(user) or token.get("fingerprint") != _fingerprint(user):
        raise InvalidToken
    family = OutstandingToken.objects.filter(user=user, token=str(token.get("family")), blacklistedtoken__isnull=True)
    if not family.exists():
        raise InvalidToken
    return user


def _read(text: str) -> _Refresh:
    try:
        # A string is what it reads, whatever its hints say.
        return _Refresh(text)  # type: ignore[arg-type]  # the library's hint says Token
    except TokenError:
        raise InvalidToken from None


def _number(subject: object) -> int:
    text = str(subject)
    return int(text) if text.isascii() and text.isdecimal() else 0


def _fingerprint(user: User) -> str:
    """Make what changes with the password, and tells nothing of it."""
    return user.get_session_auth_hash()[:_FINGERPRINT_LENGTH]


def _end_family(token: Token) -> None:
    live = OutstandingToken.objects.filter(user=_number(token.get("sub")), token=token.get("family"))
    live = live.filter(blacklistedtoken__isnull=True)
    BlacklistedToken.objects.bulk_create([BlacklistedToken(token=row) for row in live], ignore_conflicts=True)
