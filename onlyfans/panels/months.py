"""What a creator's page shows of its months, and the page of a month's figures of the versions that came."""

from django.http import HttpRequest
from django.urls import reverse

from accounts.panels import Cell, Panel
from common.clock import Month
from common.money import format_money
from onlyfans.explaining import STANDS, explain_version
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision
from onlyfans.selectors import count_unmatched, list_months

_MONTHS, _VERSIONS = 12, 50
_SEE = "onlyfans.view_earningsrevision"


def months_panel(request: HttpRequest, creator: CreatorAccount) -> Panel | None:
    """List a creator's last months: what stands, where it came from, and how many versions there were."""
    if not request.user.has_perm(_SEE):
        return None
    waiting = count_unmatched(creator.onlyfans_user_id)
    listed = reverse("admin:onlyfans_earningsrevision_changelist") + f"?q={creator.onlyfans_user_id}"
    return Panel(
        "Earnings",
        headers=(
            "Month",
            Cell("Gross", numeric=True),
            Cell("Net", numeric=True),
            "From",
            "Received (UTC)",
            Cell("Versions", numeric=True),
        ),
        rows=[_month_row(one) for one in list_months(creator.pk)[:_MONTHS]],
        empty="Nothing came in yet.",
        note=f"{waiting} more versions are about to be taken in." if waiting else "",
        action=("All versions", listed),
    )


def _month_row(one: EarningsRevision) -> tuple[Cell | str, ...]:
    return (
        Cell(Month.of(one.month).label, reverse("admin:onlyfans_earningsrevision_change", args=[one.pk])),
        Cell(format_money(one.gross_cents, one.currency), numeric=True),
        Cell(format_money(one.net_cents, one.currency), numeric=True),
        one.origin,
        f"{one.received_at:%Y-%m-%d %H:%M}",
        Cell(str(one.__dict__["versions"]), numeric=True),
    )


def versions_panel(request: HttpRequest, thing: EarningsAggregate | EarningsRevision) -> Panel | None:
    """List the versions of a creator's month, the newest first, and say which stands and why."""
    if not request.user.has_perm(_SEE):
        return None
    found = list(EarningsRevision.objects.filter(creator=thing.creator_id, month=thing.month).order_by("-received_at"))
    versions = {one.pk: one.read() for one in found}
    reasons = {pk: explain_version(one, list(versions.values())) for pk, one in versions.items()}
    return Panel(
        f"Versions of {Month.of(thing.month).label}",
        headers=(
            "Received (UTC)",
            "State",
            "Why",
            "From",
            Cell("Gross", numeric=True),
            Cell("Net", numeric=True),
            "Figures",
        ),
        rows=[_version_row(one, reasons[one.pk]) for one in found[:_VERSIONS]],
        empty="These figures were written past ingestion: no version of them was kept.",
        note=f"The last {_VERSIONS} of {len(found)} are shown." if len(found) > _VERSIONS else "",
    )


def _version_row(one: EarningsRevision, reason: str) -> tuple[Cell | str, ...]:
    figures = ", ".join(f"{name} {format_money(part[0], one.currency)}" for name, part in sorted(one.parts.items()))
    return (
        Cell(f"{one.received_at:%Y-%m-%d %H:%M:%S}", reverse("admin:onlyfans_earningsrevision_change", args=[one.pk])),
        Cell("Stands", tone="success") if reason in STANDS else Cell("Replaced", tone="neutral"),
        reason,
        one.origin,
        Cell(format_money(one.gross_cents, one.currency), numeric=True),
        Cell(format_money(one.net_cents, one.currency), numeric=True),
        figures,
    )
