"""Writes of earnings."""

import datetime as dt

from django.conf import settings

from common.clock import Month
from common.errors import Misconfigured, Permanent, Retryable
from onlyfans.client import OnlyFansClient, Statement
from onlyfans.models import CreatorAccount
from onlyfans.services.ingesting import IncomingAggregate, ingest_aggregates

GATEWAY_SOURCE = "gateway"


def open_gateway() -> OnlyFansClient:
    """Open the gateway that settings name; Misconfigured where they name none."""
    if not settings.ONLYFANS_API_URL:
        raise Misconfigured("ONLYFANS_API_URL is not set, so earnings can't be pulled.")
    return OnlyFansClient(settings.ONLYFANS_API_URL, settings.ONLYFANS_USER_AGENT, settings.ONLYFANS_EARNINGS_PATH)


def read_token(creator: CreatorAccount) -> str:
    """Return the creator's gateway token; Permanent where none is stored."""
    credentials = creator.credentials
    token = credentials.get("token") if isinstance(credentials, dict) else None
    if not token:
        raise Permanent(f"{creator} has no gateway credentials: connect the account, or ingest its earnings.")
    if not (str(token).isascii() and str(token).isprintable()):
        raise Permanent(f"{creator} has gateway credentials that can't be sent: connect the account again.")
    return str(token)


def pull_statement(gateway: OnlyFansClient, creator: CreatorAccount, month: Month) -> Statement:
    """Read a creator's month from the gateway; what goes wrong names the creator."""
    token = read_token(creator)
    try:
        return gateway.get_statement(creator.onlyfans_user_id, token, month)
    except Retryable as error:
        raise Retryable(f"{creator}: {error.message}", retry_after=error.retry_after) from None
    except Permanent as error:
        raise Permanent(f"{creator}: {error.message}") from None


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
