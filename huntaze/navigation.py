"""The sidebar: what there is for staff, in the order in which they need it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse, reverse_lazy
from django.utils.text import capfirst

from analytics.admin.dashboards import TITLES, may_see
from jobs.admin.permissions import may_start_anything

Allowed = Callable[[HttpRequest], bool]


@dataclass(frozen=True)
class Page:
    """One line of the sidebar: the list of a model, called as on its own pages, seen by whoever may view it."""

    icon: str
    model: str

    @property
    def title(self) -> str:
        return capfirst(str(apps.get_model(self.model)._meta.verbose_name_plural))

    @property
    def group(self) -> str:
        return str(apps.get_model(self.model)._meta.app_config.verbose_name)

    @property
    def is_there(self) -> bool:
        return admin.site.is_registered(apps.get_model(self.model))

    def item(self) -> dict[str, Any]:
        """Describe the line to the theme."""
        app, name = self.model.split(".")
        address = reverse(f"admin:{app}_{name}_changelist")
        return {
            "title": self.title,
            "icon": self.icon,
            "link": address,
            "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
            "active": lambda request: request.path.startswith(address) and not _is_starting(request),
        }


# A group is called as the app of its first page.
_GROUPS: tuple[tuple[Page, ...], ...] = (
    (
        Page("receipt_long", "billing.invoice"),
        Page("paid", "billing.payment"),
        Page("account_balance_wallet", "billing.billingaccount"),
        Page("sell", "billing.plan"),
        Page("speed", "billing.meter"),
        Page("bar_chart", "billing.usagehour"),
        Page("bolt", "billing.usageevent"),
        Page("tag", "billing.numberseries"),
        Page("webhook", "billing.stripeevent"),
    ),
    (
        Page("play_circle", "jobs.jobrun"),
        Page("checklist", "jobs.jobitem"),
        Page("event_repeat", "django_celery_beat.periodictask"),
        Page("monitor_heart", "jobs.jobmonitor"),
    ),
    (
        Page("notification_important", "alerts.incident"),
        Page("rule", "alerts.rule"),
        Page("campaign", "alerts.channel"),
        Page("outgoing_mail", "alerts.notification"),
    ),
    (
        Page("star", "onlyfans.creatoraccount"),
        Page("payments", "onlyfans.earningsaggregate"),
        Page("history", "onlyfans.earningsrevision"),
        Page("receipt", "onlyfans.earningstransaction"),
        Page("person_search", "onlyfans.unmatchedaggregate"),
        Page("upload_file", "onlyfans.resultfile"),
    ),
    (
        Page("photo_camera", "analytics.providersnapshot"),
        Page("timeline", "analytics.event"),
    ),
    (
        Page("move_to_inbox", "huntaze.tableimport"),
        Page("report", "huntaze.importreject"),
    ),
    (
        Page("apartment", "accounts.organization"),
        Page("person", "accounts.user"),
        Page("groups", "auth.group"),
        Page("lock_clock", "accounts.lockout"),
        Page("policy", "accounts.auditentry"),
    ),
)
_DASHBOARDS = (
    ("dashboard", "overview"),
    ("monitoring", "revenue"),
    ("leaderboard", "creators"),
    ("diversity_1", "fans"),
)


def _is_starting(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:jobs_jobrun_start"))


def _start_item() -> dict[str, Any]:
    return {
        "title": "Start a job",
        "icon": "rocket_launch",
        "link": reverse_lazy("admin:jobs_jobrun_start"),
        "permission": may_start_anything,
        "active": _is_starting,
    }


def _dashboard_item(icon: str, name: str) -> dict[str, Any]:
    address = reverse("admin:dashboard", args=[name])
    return {
        "title": "Overview" if name == "overview" else f"{TITLES[name]} over time",
        "icon": icon,
        "link": address,
        "permission": lambda request: may_see(request, name),
        "active": lambda request: request.path == address,
    }


def _items(pages: tuple[Page, ...]) -> Iterator[dict[str, Any]]:
    for page in pages:
        if page.model == "analytics.providersnapshot":
            yield from (_dashboard_item(icon, name) for icon, name in _DASHBOARDS)
        if page.is_there:
            yield page.item()
        if page.model == "jobs.jobrun":
            yield _start_item()


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """List the sidebar's groups; the theme leaves out what somebody may not see."""
    today = {"title": "Today", "icon": "today", "link": reverse_lazy("admin:index")}
    groups = [{"title": pages[0].group, "items": list(_items(pages))} for pages in _GROUPS]
    return [{"items": [today]}, *groups]
