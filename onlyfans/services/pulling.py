"""Writes of earnings that are read from the gateway."""

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial

from django.conf import settings
from django.db import transaction

from common.clock import Month
from common.errors import Misconfigured, NotYet, Permanent, Retryable
from common.http import Refused
from common.pace import Window, hold_back, take_turn
from onlyfans.models import CreatorAccount, EarningsPull
from onlyfans.providers.gateway import GATEWAY_SOURCE, OnlyFansClient, Statement, Transaction, TransactionPage
from onlyfans.services.connecting import note_connected, note_expired, read_credentials
from onlyfans.services.ingesting import IncomingAggregate, ingest_aggregates
from onlyfans.services.paging import add_up, begin_pull, note_stored, restart_pull, store_page, sum_up

# A month of a creator has fewer pages: what goes on beyond them leads nowhere.
_MOST_PAGES = 20_000


def open_gateway() -> OnlyFansClient:
    """Open the gateway that settings name; Misconfigured where they name none."""
    if not settings.ONLYFANS_API_URL:
        raise Misconfigured("ONLYFANS_API_URL is not set, so earnings can't be pulled.")
    return OnlyFansClient(
        settings.ONLYFANS_API_URL,
        settings.ONLYFANS_USER_AGENT,
        settings.ONLYFANS_EARNINGS_PATH,
        settings.ONLYFANS_TRANSACTIONS_PATH,
        settings.ONLYFANS_PAGE_SIZE,
    )


def pull_month(
    gateway: OnlyFansClient,
    creator: CreatorAccount,
    month: Month,
    now: dt.datetime,
    *,
    keeps: bool = True,
    check: Callable[[], None] = lambda: None,
) -> Statement:
    """Read a creator's month from the gateway: its statement or, where single transactions are listed, those.

    What was read page by page is kept, so that the next call goes on where this one was stopped; `check` is asked
    before each page and raises to stop. Raises what `pull_statement` raises, and Retryable where transactions and the
    statement say different things: then all is read anew. Unless `keeps` is on, nothing is written.
    """
    if not gateway.lists_transactions:
        return pull_statement(gateway, creator, month, keeps=keeps)
    pull = begin_pull(creator, month, now) if keeps else None
    listed = {one.id: one for one in _list_all(gateway, creator, month, check)} if pull is None else {}
    been: set[tuple[int, str]] = set()
    while pull and not pull.is_read:
        check()
        if not _is_new((pull.round, pull.cursor), been):
            restart_pull(pull, now)
            raise _lost(creator, month)
        pull = store_page(pull, _read_page(gateway, creator, month, pull, now))
    statement = pull_statement(gateway, creator, month, keeps=keeps)
    found = sum_up(pull, statement) if pull else add_up(listed.values(), statement)
    if _figures(found) != _figures(statement):
        if pull:
            restart_pull(pull, now)
        raise Retryable(
            f"{creator}: The gateway's transactions of {month} do not add up to its statement "
            f"({found.net_cents} against {statement.net_cents} cents net)."
        )
    return found


def _figures(statement: Statement) -> dict[str, tuple[int, int]]:
    parts = {part.category: (part.gross_cents, part.net_cents) for part in statement.earnings}
    return {category: amounts for category, amounts in parts.items() if amounts != (0, 0)}


def _list_all(
    gateway: OnlyFansClient, creator: CreatorAccount, month: Month, check: Callable[[], None]
) -> Iterator[Transaction]:
    page = TransactionPage((), "")
    been: set[tuple[int, str]] = set()
    while True:
        check()
        if not _is_new((0, page.cursor), been):
            raise _lost(creator, month)
        page = _ask(creator, partial(gateway.get_transactions, month=month, cursor=page.cursor), keeps=False)
        yield from page.transactions
        if not page.cursor:
            return


def _is_new(place: tuple[int, str], been: set[tuple[int, str]]) -> bool:
    """Note a round's place in the list; return whether it is one that a list with an end can have."""
    is_new = place not in been and len(been) < _MOST_PAGES
    been.add(place)
    return is_new


def _lost(creator: CreatorAccount, month: Month) -> Retryable:
    return Retryable(
        f"{creator}: The gateway's list of transactions of {month} has no end: a page leads back to one that was read. "
        "All is read from the first page on."
    )


def _read_page(
    gateway: OnlyFansClient, creator: CreatorAccount, month: Month, pull: EarningsPull, now: dt.datetime
) -> TransactionPage:
    """Read the next page; a place that the gateway knows no more means all from the first page on."""
    try:
        return _ask(creator, partial(gateway.get_transactions, month=month, cursor=pull.cursor))
    except Refused:
        raise
    except Permanent as error:
        if not pull.cursor:
            raise
        restart_pull(pull, now)
        raise Retryable(f"{error.message} All is read from the first page on.") from None


def pull_statement(gateway: OnlyFansClient, creator: CreatorAccount, month: Month, *, keeps: bool = True) -> Statement:
    """Read the statement of a creator's month from the gateway; what goes wrong names the creator.

    Raises NotYet where the account has had as many requests as it may have for now. Unless `keeps` is off, whether the
    gateway takes the credentials is written on the creator.
    """
    return _ask(creator, partial(gateway.get_statement, month=month), keeps=keeps)


def _ask[T](creator: CreatorAccount, call: Callable[[str, dict[str, str]], T], *, keeps: bool = True) -> T:
    """Call the gateway with an account and its credentials."""
    credentials = read_credentials(creator)
    try:
        answer = call_politely(creator.onlyfans_user_id, partial(call, creator.onlyfans_user_id, credentials))
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
    return answer


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


@transaction.atomic
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
    note_stored(creator_id, statement.month, now)
