"""Writes of earnings."""

import datetime as dt

from django.conf import settings
from django.db import transaction

from common.clock import Month
from common.errors import Misconfigured, Permanent, Retryable
from onlyfans.client import OnlyFansClient, Statement
from onlyfans.models import CreatorAccount, EarningsAggregate

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


@transaction.atomic
def store_statement(creator_id: int, statement: Statement, now: dt.datetime, source: str = GATEWAY_SOURCE) -> None:
    """Write a month's earnings by category, replacing what stood there; idempotent by (creator, month, category).

    A category that is gone from the statement is written as zero, never deleted: late data is found by change.
    """
    rows = [
        EarningsAggregate(
            creator_id=creator_id,
            month=statement.month.first_day,
            category=part.category,
            gross_cents=part.gross_cents,
            net_cents=part.net_cents,
            currency=statement.currency,
            source=source,
            received_at=now,
        )
        for part in statement.earnings
    ]
    EarningsAggregate.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["creator", "month", "category"],
        update_fields=["gross_cents", "net_cents", "currency", "source", "received_at"],
    )
    gone = EarningsAggregate.objects.filter(creator=creator_id, month=statement.month.first_day, source=source)
    gone.exclude(category__in=[row.category for row in rows]).update(gross_cents=0, net_cents=0, received_at=now)
