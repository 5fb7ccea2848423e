"""What was read of a creator from the gateway, page by page."""

from django.http import HttpRequest
from django.urls import reverse

from accounts.panels import Cell, Panel
from common.clock import Month
from onlyfans.models import CreatorAccount, EarningsPull

_SHOWN = 12


def pulls_panel(request: HttpRequest, creator: CreatorAccount) -> Panel | None:
    """List the months of which single transactions were read; nothing where none ever were."""
    if not request.user.has_perm("onlyfans.view_earningspull"):
        return None
    pulls = list(EarningsPull.objects.filter(creator=creator).order_by("-month")[:_SHOWN])
    if not pulls:
        return None
    listed = f"{reverse('admin:onlyfans_earningstransaction_changelist')}?q={creator.onlyfans_user_id}"
    return Panel(
        "Read from the gateway",
        headers=("Month", "State", Cell("Pages", numeric=True), "Begun (UTC)", "Stored (UTC)"),
        rows=[_row(pull) for pull in pulls],
        action=("See transactions", listed),
    )


def _row(pull: EarningsPull) -> tuple[Cell | str, ...]:
    state = Cell("Stored", tone="success") if pull.stored_at else Cell("Under way", tone="info")
    return (
        Month.of(pull.month).label,
        state,
        Cell(f"{pull.pages:,}", numeric=True),
        f"{pull.started_at:%Y-%m-%d %H:%M}",
        f"{pull.stored_at:%Y-%m-%d %H:%M}" if pull.stored_at else "-",
    )
