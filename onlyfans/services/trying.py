"""Trying what is stored for a creator: one call to the gateway now, and what came back in words."""

from typing import TYPE_CHECKING

from accounts.services.auditing import record_action
from common.clock import previous_month
from common.errors import Permanent, WorkError
from common.money import format_money
from onlyfans.models import CreatorAccount
from onlyfans.services.pulling import open_gateway, pull_statement

if TYPE_CHECKING:
    from accounts.models import User


def try_credentials(creator: CreatorAccount, actor: "User") -> str:
    """Read a creator's last month from the gateway with what is stored, keep none of its figures, and say what came.

    Whether the gateway takes the credentials is written on the creator, and the test in the audit trail. Raises
    WorkError where the gateway does not answer as it should; its message names no secret.
    """
    month = previous_month()
    try:
        with open_gateway() as gateway:
            statement = pull_statement(gateway, creator, month)
    except WorkError as error:
        record_action("test", creator, actor=actor, after={"outcome": error.message})
        raise Permanent(f"The test failed. {error.message}") from None
    earned = format_money(statement.net_cents, statement.currency)
    record_action("test", creator, actor=actor, after={"outcome": "The gateway takes the credentials."})
    return (
        f"The gateway takes the credentials of {creator}. It says {earned} net for {month.label}; nothing was stored."
    )
