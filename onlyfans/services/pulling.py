"""Writes of earnings that are read from the gateway."""

import datetime as dt
from collections.abc import Callable

from django.conf import settings

from common.clock import Month
from common.errors import Misconfigured, NotYet, Permanent, Retryable
from common.http import Refused
from common.pace import Window, hold_back, take_turn
from onlyfans.client import GATEWAY_SOURCE, OnlyFansClient, Statement
from onlyfans.models import CreatorAccount
from onlyfans.services.connecting import note_connected, note_expired, read_credentials
from onlyfans.services.ingesting import IncomingAggregate, ingest_aggregates


def open_gateway() -> OnlyFansClient:
    """Open the gateway that settings name; Misconfigured where they name none."""
    if not settings.ONLYFANS_API_URL:
        raise Misconfigured("ONLYFANS_API_URL is not set, so earnings can't be pulled.")
    return OnlyFansClient(settings.ONLYFANS_API_URL, settings.ONLYFANS_USER_AGENT, settings.ONLYFANS_EARNINGS_PATH)


def pull_statement(gateway: OnlyFansClient, creator: CreatorAccount, month: Month, *, keeps: bool = True) -> Statement:
    """Read a creator's month from the gateway; what goes wrong names the creator.

    Raises NotYet where the account has had as many requests as it may have for now. Unless `keeps` is off, whether the
    gateway takes the credentials is written on the creator.
    """
    credentials = read_credentials(creator)
    try:
        statement = call_politely(
            creator.onlyfans_user_id,
            lambda: gateway.get_statement(creator.onlyfans_user_id, credentials, month),
        )
    except NotYet as error:
        raise NotYet(f"{creator}: {error.message}", retry_after=error.retry_after or 0) from None
    except Retryable as error:
        raise Retryable(f"{creator}: {error.message}", retry_after=error.retry_after) from None
    except Permanent as error:
        if keeps and isinstance(error, Refused):
            note_expired(creator, error.message)
        raise type(error)(f"{creator}: {error.message}") from None
    if keeps:
        note_connected(creator)
    return statement


def call_politely[T](account: str, call: Callable[[], T]) -> T:
    """Call the gateway for an account unless it has had as many requests as it may have; NotYet says when to come back.

    Where the gateway itself says when to come back, nobody calls it for this account before.
    """
    window = Window(f"onlyfans:{account}", settings.ONLYFANS_REQUESTS_PER_MINUTE, 60)
    if wait := take_turn(window):
        raise NotYet("The gateway is asked no faster than agreed.", retry_after=wait)
    try:
        return call()
    except Retryable as error:
        if error.retry_after:
            hold_back(window, error.retry_after)
        raise


def store_statement(creator_id: int, statement: Statement, now: dt.datetime, source: str = GATEWAY_SOURCE) -> None:
    """Take a month's statement in as a version of the creator's month; idempotent by source and figures."""
    row = IncomingAggregate(
        user_id=CreatorAccount.objects.values_list("onlyfans_user_id", flat=True).get(pk=creator_id),
        month=statement.month,
        currency=statement.currency,
        parts={part.category: (part.gross_cents, part.net_cents) for part in statement.earnings},
        received_at=now,
        source=source,
    )
    ingest_aggregates([row], now)
