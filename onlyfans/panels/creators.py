"""What an organization's page shows of its creators."""

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Organization
from accounts.panels import Cell, Panel
from onlyfans.models import CreatorAccount

_SHOWN = 25
TONES = {
    CreatorAccount.Status.ACTIVE: "success",
    CreatorAccount.Status.PAUSED: "warning",
    CreatorAccount.Status.CLOSED: "neutral",
}
CONNECTION_TONES = {
    CreatorAccount.Connection.UNTRIED: "neutral",
    CreatorAccount.Connection.CONNECTED: "success",
    CreatorAccount.Connection.EXPIRED: "danger",
}


def creators_panel(request: HttpRequest, organization: Organization) -> Panel | None:
    """List the organization's creators."""
    if not request.user.has_perm("onlyfans.view_creatoraccount"):
        return None
    found = list(organization.creators.defer("credentials").order_by("id")[: _SHOWN + 1])
    listed = reverse("admin:onlyfans_creatoraccount_changelist") + f"?organization__id__exact={organization.pk}"
    return Panel(
        "Creators",
        headers=("Name", "OnlyFans user id", "Status", "Connection", "Since"),
        rows=[_row(creator) for creator in found[:_SHOWN]],
        empty="No creator belongs to this organization yet.",
        note=f"The first {_SHOWN} are shown." if len(found) > _SHOWN else "",
        action=("See all", listed),
    )


def _row(creator: CreatorAccount) -> tuple[Cell | str, ...]:
    return (
        Cell(creator.display_name, url=reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk])),
        creator.onlyfans_user_id,
        Cell(creator.get_status_display(), tone=TONES[CreatorAccount.Status(creator.status)]),
        Cell(
            creator.get_connection_state_display(),
            tone=CONNECTION_TONES[CreatorAccount.Connection(creator.connection_state)],
        ),
        f"{creator.created_at:%Y-%m-%d}",
    )
