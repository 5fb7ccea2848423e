"""Sessions: how they begin, how long they last, and how all of somebody's end at once."""

import datetime as dt
from dataclasses import dataclass
from typing import Self

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from accounts.models import User
from accounts.services.auditing import record_action
from common.clock import now

_BEGAN, _SEEN, _PROOF, _PENDING = "began_at", "seen_at", "second_step", "password_step"
# How fresh the last sign of life is kept, of the time that one may be away: each is a write.
_RESOLUTION = 1 / 60
_PENDING_FOR = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class Pending:
    """Somebody who has shown a password, and not yet the second step; `wanted` is where they wanted to go."""

    user: User
    wanted: str

    @classmethod
    def read(cls, session: SessionBase) -> Self | None:
        """Return who is half way in; None where nobody is, it took too long, or the account changed meanwhile."""
        kept = session.get(_PENDING) or {}
        if not kept or now() - dt.datetime.fromisoformat(kept["at"]) > _PENDING_FOR:
            return None
        user = User.objects.filter(pk=kept["user"], is_active=True).first()
        return cls(user, kept["wanted"]) if user and user.get_session_auth_hash() == kept["proof"] else None


def keep_pending(request: HttpRequest, user: User, wanted: str) -> None:
    """Remember in a fresh session that somebody has shown a password."""
    request.session.flush()
    request.session[_PENDING] = {
        "user": user.pk,
        "proof": user.get_session_auth_hash(),
        "wanted": wanted,
        "at": now().isoformat(),
    }


@transaction.atomic
def begin_session(request: HttpRequest, user: User, proof: str = "") -> None:
    """Let somebody in who has shown who they are; `proof` names the second step, where there was one."""
    request.session.pop(_PENDING, None)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session[_BEGAN] = request.session[_SEEN] = now().isoformat()
    request.session[_PROOF] = proof
    record_action("log-in", user, actor=user, after={"second step": proof or "none"})


def end_session(request: HttpRequest) -> None:
    """Let somebody out."""
    if isinstance(request.user, User):
        record_action("log-out", request.user, actor=request.user)
    logout(request)


def note_second_step(request: HttpRequest, proof: str) -> None:
    """Remember that the present session has shown the second step."""
    request.session[_PROOF] = proof


def has_shown_second_step(request: HttpRequest) -> bool:
    """Return whether the session began with, or has since shown, the second step."""
    return bool(request.session.get(_PROOF))


def end_sessions(user: User) -> None:
    """End all sessions and tokens of somebody, wherever they are open."""
    User.objects.filter(pk=user.pk).update(session_version=F("session_version") + 1)
    user.refresh_from_db(fields=["session_version"])


@transaction.atomic
def log_out_everywhere(user: User, *, actor: User, reason: str = "") -> None:
    """End all sessions of somebody, because somebody asked for it."""
    end_sessions(user)
    record_action("log-out-everywhere", user, actor=actor, reason=reason)


def find_end(session: SessionBase) -> str:
    """Say why a session is over; empty where it is not."""
    at = now()
    began, seen = (_instant(session, name) or at for name in (_BEGAN, _SEEN))
    if at - seen > dt.timedelta(minutes=settings.SESSION_IDLE_MINUTES):
        return f"You were logged out after {_say(settings.SESSION_IDLE_MINUTES, 'minute')} without doing anything."
    if at - began > dt.timedelta(hours=settings.SESSION_HOURS):
        return f"You were logged out: a session lasts {_say(settings.SESSION_HOURS, 'hour')} at most."
    return ""


def note_activity(session: SessionBase) -> None:
    """Remember that somebody is there."""
    at, seen = now(), _instant(session, _SEEN)
    if seen is None or at - seen > dt.timedelta(minutes=settings.SESSION_IDLE_MINUTES) * _RESOLUTION:
        session.setdefault(_BEGAN, at.isoformat())
        session[_SEEN] = at.isoformat()


def _say(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _instant(session: SessionBase, name: str) -> dt.datetime | None:
    kept = session.get(name)
    return dt.datetime.fromisoformat(kept) if kept else None
