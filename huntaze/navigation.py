"""The sidebar: what there is for staff, in the order in which they need it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

from jobs.admin.permissions import may_start_anything

Allowed = Callable[[HttpRequest], bool]


@dataclass(frozen=True)
class Page:
    """One line of the sidebar: the list of a model, seen by whoever may view it."""

    title: str
    icon: str
    model: str

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


_GROUPS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    (
        "Billing",
        (
            Page("Invoices", "receipt_long", "billing.invoice"),
            Page("Billing accounts", "account_balance_wallet", "billing.billingaccount"),
            Page("Plans", "sell", "billing.plan"),
            Page("Meters", "speed", "billing.meter"),
            Page("Usage", "bar_chart", "billing.usagehour"),
            Page("Usage events", "bolt", "billing.usageevent"),
            Page("Number series", "tag", "billing.numberseries"),
            Page("Stripe events", "webhook", "billing.stripeevent"),
        ),
    ),
    (
        "Jobs",
        (
            Page("Runs", "play_circle", "jobs.jobrun"),
            Page("Items", "checklist", "jobs.jobitem"),
            Page("Schedules", "event_repeat", "django_celery_beat.periodictask"),
            Page("Monitors", "monitor_heart", "jobs.jobmonitor"),
        ),
    ),
    (
        "Alerts",
        (
            Page("Incidents", "notification_important", "alerts.incident"),
            Page("Rules", "rule", "alerts.rule"),
            Page("Channels", "campaign", "alerts.channel"),
            Page("Messages sent", "outgoing_mail", "alerts.notification"),
        ),
    ),
    (
        "Creators",
        (
            Page("Creators", "star", "onlyfans.creatoraccount"),
            Page("Earnings", "payments", "onlyfans.earningsaggregate"),
        ),
    ),
    (
        "Organizations and people",
        (
            Page("Organizations", "apartment", "accounts.organization"),
            Page("Users", "person", "accounts.user"),
            Page("Groups", "groups", "auth.group"),
            Page("Locked out", "lock_clock", "accounts.lockout"),
            Page("Audit trail", "policy", "accounts.auditentry"),
        ),
    ),
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


def _items(pages: tuple[Page, ...]) -> Iterator[dict[str, Any]]:
    for page in pages:
        if page.is_there:
            yield page.item()
        if page.model == "jobs.jobrun":
            yield _start_item()


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """List the sidebar's groups; the theme leaves out what somebody may not see."""
    today = {"title": "Today", "icon": "today", "link": reverse_lazy("admin:index")}
    groups = [{"title": title, "items": list(_items(pages))} for title, pages in _GROUPS]
    return [{"items": [today]}, *groups]
