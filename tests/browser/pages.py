"""Every page of the admin, found by its addresses: a new one is among them by itself."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from analytics.admin.dashboards import TITLES
from jobs.registry import list_jobs

# What a word in an address may be; one that is missing here fails the test that opens every page.
_WORDS: dict[str, tuple[str, ...]] = {
    "dashboard.page": tuple(TITLES),
    "jobs_jobrun_start_job.name": tuple(job.name for job in list_jobs()),
    "jobs_jobrun_rerun.mode": ("failed", "missing", "all"),
    "billing_invoice_settle.outcome": ("done", "failed"),
    "app_list.app_label": tuple(sorted({model._meta.app_label for model in admin.site._registry})),
}
# They are no pages: files, parts of pages, what redirects for sure or needs what a browser sends.
_NO_PAGES = {"dashboard_export", "search", "jsi18n", "view_on_site", "autocomplete", "logout", "jobs_jobrun_progress"}


def list_pages(user: User) -> list[str]:
    """Return the address of every page that this user can open: lists, forms, questions, one a state of its object."""
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return [address for address in dict.fromkeys(_addresses()) if _is_page(client, address)]


def list_bare_models() -> list[str]:
    """Name the models in the admin of which there is no row, so that their pages go unseen."""
    return sorted(model._meta.label for model in admin.site._registry if not model._default_manager.exists())


def _is_page(client: Client, address: str) -> bool:
    answer = client.get(address)
    return answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")


def _addresses() -> Iterator[str]:
    for pattern in _patterns(get_resolver()):
        name = pattern.name
        if name and name not in _NO_PAGES:
            for values in product(*(_values(name, part) for part in pattern.pattern.converters or _groups(pattern))):
                yield reverse(f"admin:{name}", args=values)


def _patterns(resolver: URLResolver, inside: bool = False) -> Iterator[URLPattern]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from _patterns(one, inside or one.namespace == "admin")
        elif inside:
            yield one


def _groups(pattern: URLPattern) -> list[str]:
    regex: Any = pattern.pattern.regex
    return list(regex.groupindex)


def _values(name: str, part: str) -> list[Any]:
    if words := _WORDS.get(f"{name}.{part}"):
        return list(words)
    return [one.pk for one in _examples(_model_of(name), part)]


def _model_of(name: str) -> type[Model]:
    label, model = ("accounts", "user") if name == "auth_user_password_change" else _split(name)
    return apps.get_model(label, model)


def _split(name: str) -> tuple[str, str]:
    for model in admin.site._registry:
        label, called = model._meta.app_label, str(model._meta.model_name)
        if name.startswith(f"{label}_{called}_"):
            return label, called
    raise LookupError(f"Say in {__name__} what stands in the address of {name}")


def _examples(model: type[Model], part: str) -> list[Model]:
    """Return the newest row of each state that there is."""
    if part == "delivery_id":
        model = apps.get_model("billing", "invoicedelivery")
    rows = model._default_manager.order_by("-pk")
    if "status" not in {field.name for field in model._meta.get_fields()}:
        return list(rows[:1])
    states = set(rows.order_by().values_list("status", flat=True))
    return [rows.filter(status=state)[:1].get() for state in sorted(states)]
