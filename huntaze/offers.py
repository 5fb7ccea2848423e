"""What the search offers beside things: the pages of the sidebar, and what somebody may do."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from huntaze.navigation import sidebar
from jobs.admin.permissions import may_run
from jobs.registry import list_jobs

_SHOWN = 5


def list_offers(request: HttpRequest, term: str) -> list[SearchResult]:
    """Find pages and actions by any part of their names, as far as somebody may open them."""
    found = [*_pages(request), *_actions(request)]
    return [one for one in found if term in one.title.lower()][: 2 * _SHOWN]


def _pages(request: HttpRequest) -> Iterator[SearchResult]:
    for group in sidebar(request):
        for item in group["items"]:
            if item.get("permission", _everybody)(request):
                yield SearchResult(str(item["title"]), group.get("title", "Page"), str(item["link"]), item["icon"])


def _everybody(request: HttpRequest) -> bool:
    return True


def _actions(request: HttpRequest) -> Iterator[SearchResult]:
    if request.user.has_perm("billing.run_billing"):
        yield _action("Run billing", reverse("admin:billing_invoice_run"), "play_arrow")
        yield _action("Preview a month", reverse("admin:billing_invoice_preview"), "visibility")
    for job in list_jobs():
        if may_run(request, job):
            address = reverse("admin:jobs_jobrun_start_job", args=[job.name])
            yield _action(f"Start {job.title}", address, "rocket_launch")
    for model, registered in admin.site._registry.items():
        if registered.has_add_permission(request):
            options: Any = model._meta
            address = reverse(f"admin:{options.app_label}_{options.model_name}_add")
            yield _action(f"Add {options.verbose_name}", address, "add")
    yield _action("Two-factor log-in", reverse("admin:second_step"), "lock")
    yield _action("Change password", reverse("admin:password_change"), "password")


def _action(title: str, address: str, icon: str) -> SearchResult:
    return SearchResult(title, "Action", address, icon)
