"""What can be wrong with creators' connections: told by alerts."""

from collections.abc import Iterator

from django.urls import reverse

from alerts.registry import Finding, condition
from onlyfans.selectors import list_expired

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
