"""Dashboards: pages of cards, and each card as a file."""

from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.models import Organization, User
from analytics.admin.drawing import ShownPart, show_parts
from analytics.admin.exports import write_csv, write_xlsx
from analytics.forms import ScopeForm
from analytics.registry import Card, Content, CreatorName, find_card, list_cards
from analytics.registry.cards import PAGES
from analytics.selectors.creators import search_creators, search_organizations
from analytics.selectors.rollups import get_refreshed_at
from analytics.services.exporting import Export, record_export
from common.clock import now
from jobs.admin.permissions import may_run
from jobs.registry import get_job

EXPORT = "analytics.export_dashboard"
TITLES = {"overview": "Overview", "revenue": "Creator earnings", "creators": "Creators", "fans": "Fans"}
_FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_OFFERED = 200


@dataclass(frozen=True)
class ShownCard:
    """A card with all that the page says of it."""

    card: Card
    content: Content
    parts: list[ShownPart]
    exports: list[tuple[str, str]]


def may_see(request: HttpRequest, page: str) -> bool:
    """Return whether somebody may see any of a page's cards."""
    return any(request.user.has_perm(card.permission) for card in list_cards(page))


def dashboard_page(site: AdminSite, request: HttpRequest, page: str) -> HttpResponse:
    """Show the cards of a page that somebody may see."""
    if page not in PAGES:
        raise Http404(f"There is no dashboard “{page}”.")
    if not may_see(request, page):
        raise PermissionDenied
    form = read_form(request)
    scope = form.scope()
    owner, creator = _of_whom(form)
    # Where a filter does not fit, nothing else is shown in its place.
    wanted = list_cards(page) if form.is_valid() else ()
    shown = [card for card in wanted if request.user.has_perm(card.permission)]
    context = {
        "title": TITLES[page],
        "pages": [
            (TITLES[name], reverse("admin:dashboard", args=[name]), name == page)
            for name in PAGES
            if may_see(request, name)
        ],
        "form": form,
        "scope": scope,
        "cards": [_show(request, card, card.make(scope)) for card in shown],
        "query": _query(request),
        "organizations": search_organizations("", _OFFERED),
        "creators": [one for _, one in search_creators("", scope.organization, _OFFERED)] if scope.organization else [],
        "owner": owner,
        "creator": creator,
        "refreshed_at": get_refreshed_at(),
        "may_refresh": may_run(request, get_job("analytics-rollups")),
        "is_fullwidth": "1",
    }
    request.current_app = site.name
    return TemplateResponse(request, "analytics/dashboard.html", {**site.each_context(request), **context})


def read_form(request: HttpRequest) -> ScopeForm:
    """Read the filters of an address; what is not given is the last twelve months of everything."""
    return ScopeForm(request.GET, today=now().date())


def _of_whom(form: ScopeForm) -> tuple[Organization | None, CreatorName | None]:
    """Name the organization and the creator that are looked at; None where that is all, or a filter does not fit."""
    known = form.cleaned_data if form.is_valid() else {}
    return known.get("owner"), known["found"][1] if "found" in known else None


def _query(request: HttpRequest, *without: str) -> str:
    """Write the filters that are set, for a link that keeps them."""
    names = [name for name in ScopeForm.base_fields if name not in without and request.GET.get(name)]
    return urlencode({name: request.GET[name] for name in names})


def _show(request: HttpRequest, card: Card, content: Content) -> ShownCard:
    query = _query(request)
    exports = []
    if request.user.has_perm(EXPORT) and content.parts:
        for kind in _FORMATS:
            address = reverse("admin:dashboard_export", args=[card.name, kind])
            exports.append((kind.upper(), f"{address}?{query}" if query else address))
    return ShownCard(card, content, show_parts(content, _query(request, "organization", "creator")), exports)


def export_page(site: AdminSite, request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """Answer with all rows of a card as a file, and note down who took it."""
    card = find_card(name)
    if card is None or kind not in _FORMATS:
        raise Http404(f"There is no such file of “{name}”.")
    if not request.user.has_perm(card.permission) or not request.user.has_perm(EXPORT):
        raise PermissionDenied
    form = read_form(request)
    if not form.is_valid():
        return redirect(f"{reverse('admin:dashboard', args=[card.page])}?{_query(request)}")
    scope = replace(form.scope(), limit=None)
    content = card.make(scope)
    body = write_csv(content) if kind == "csv" else write_xlsx(content, card.title)
    rows = sum(len(part.rows) for part in content.parts)
    record_export(Export(card, scope, *_of_whom(form), kind, rows), cast("User", request.user))
    headers: dict[str, Any] = {
        "Content-Disposition": f'attachment; filename="{name}_{scope.first_day}_{scope.last_day}.{kind}"',
        "Cache-Control": "no-store",
    }
    return HttpResponse(body, content_type=_FORMATS[kind], headers=headers)
