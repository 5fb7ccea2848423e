"""What can be wrong with creators' connections and earnings: told by alerts."""

import datetime as dt
from collections.abc import Iterator

from django.urls import reverse

from alerts.registry import Finding, condition
from common.clock import now
from onlyfans.selectors import get_longest_waiting, list_expired

# Who is being set up just now needs no alert.
_PATIENCE = dt.timedelta(days=1)
CONNECT_AGAIN = "Log in to the gateway for this creator, open its page and store the new token."


@condition("creator-disconnected", title="A creator must be connected again", severity="warning")
def find_expired() -> Iterator[Finding]:
    """Find the creators whose credentials the gateway takes no more; a new token ends it."""
    for creator in list_expired():
        yield Finding(
            scope=str(creator.pk),
            title=f"{creator} must be connected again",
            detail=f"{creator.connection_reason} Its earnings are not pulled, and its organization is not billed.",
            since=creator.connection_since,
            link=reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk]),
            advice=CONNECT_AGAIN,
        )


@condition("earnings-unmatched", title="Earnings wait for a creator", severity="warning")
def find_unmatched() -> Iterator[Finding]:
    """Find whether earnings of users whom nobody set up have been waiting for a day."""
    users, since = get_longest_waiting(now() - _PATIENCE)
    if users:
        yield Finding(
            scope="unmatched",
            title=f"Earnings of {users:,} users wait" if users > 1 else "Earnings of a user wait",
            detail="Nobody here has their user id, so that they are neither shown nor billed.",
            since=since,
            link=reverse("admin:onlyfans_unmatchedaggregate_changelist"),
            advice="Add each as a creator with its OnlyFans user id, or stop sending its earnings.",
            count=users,
        )
