"""The search above the sidebar: pages, actions, and things by what staff have at hand.

Organizations, people and billing accounts are found by name, id and e-mail address; invoices and runs by number.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from accounts.models import Organization, User
from alerts.admin.pages import describe_state
from alerts.models import Incident
from alerts.selectors import order_open_first
from billing.models import BillingAccount, Invoice, NumberSeries
from common.clock import now
from huntaze.offers import list_offers
from jobs.models import JobRun
from onlyfans.models import CreatorAccount

_SHOWN = 5
_SHORTEST = 2
# Of a number on invoices, zeros in front included.
_DIGITS = 6

Find = Callable[[str], Iterator[SearchResult]]


def search(request: HttpRequest, term: str) -> list[SearchResult]:
    """Find what a term names, as far as this member of staff may see it; the theme gives it in lower case."""
    term = term.strip().replace("\x00", "")
    finders: tuple[tuple[str, Find], ...] = (
        ("jobs.view_jobrun", _runs),
        ("billing.view_invoice", _invoices),
        ("accounts.view_organization", _organizations),
        ("billing.view_billingaccount", _accounts),
        ("accounts.view_user", _people),
        ("onlyfans.view_creatoraccount", _creators),
        ("alerts.view_incident", _incidents),
    )
    things = [result for permission, find in finders if request.user.has_perm(permission) for result in find(term)]
    return [*things, *(list_offers(request, term) if len(term) >= _SHORTEST else [])]


def _result(title: str, kind: str, address: str, pk: object, icon: str) -> SearchResult:
    return SearchResult(title=title, description=kind, link=reverse(f"admin:{address}_change", args=[pk]), icon=icon)


def _runs(term: str) -> Iterator[SearchResult]:
    number = term.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) <= 18:
        for run in JobRun.objects.filter(pk=int(number)):
            yield _result(str(run), f"Run, {run.get_status_display().lower()}", "jobs_jobrun", run.pk, "play_circle")


def _invoices(term: str) -> Iterator[SearchResult]:
    for invoice in Invoice.objects.select_related("organization").filter(number__in=_numbers(term))[:_SHOWN]:
        yield _result(str(invoice), f"Invoice of {invoice.organization}", "billing_invoice", invoice.pk, "receipt_long")


def _numbers(term: str) -> list[str]:
    """Write a number in full as it is on invoices: `276` may be that of any series, `inv-2026-276` lacks zeros."""
    series, _, number = term.upper().rpartition("-")
    if not (number.isascii() and number.isdigit() and len(number) <= _DIGITS):
        return [term.upper()]
    named = [series] if series else [str(one) for one in NumberSeries.objects.all()]
    return [f"{one}-{int(number):0{_DIGITS}}" for one in named]


def _organizations(term: str) -> Iterator[SearchResult]:
    if len(term) >= _SHORTEST:
        for found in Organization.objects.filter(_named(term, "name", "email") | Q(id__iexact=term))[:_SHOWN]:
            yield _result(found.name, f"Organization {found.pk}", "accounts_organization", found.pk, "apartment")


def _named(term: str, *columns: str) -> Q:
    return reduce(or_, (Q(**{f"{column}__icontains": term}) for column in columns))


def _accounts(term: str) -> Iterator[SearchResult]:
    if len(term) >= _SHORTEST:
        matching = _named(term, "invoice_email") | Q(stripe_customer_id__iexact=term)
        for found in BillingAccount.objects.select_related("organization").filter(matching)[:_SHOWN]:
            about = f"Billing account, invoices go to {found.invoice_email or found.organization.email}"
            yield _result(found.organization.name, about, "billing_billingaccount", found.pk, "account_balance_wallet")


def _people(term: str) -> Iterator[SearchResult]:
    if len(term) >= _SHORTEST:
        for found in User.objects.filter(_named(term, "name", "email"))[:_SHOWN]:
            yield _result(found.name or found.email, f"User {found.email}", "accounts_user", found.pk, "person")


def _creators(term: str) -> Iterator[SearchResult]:
    if len(term) >= _SHORTEST:
        matching = Q(display_name__icontains=term) | Q(onlyfans_user_id__iexact=term)
        for found in (
            CreatorAccount.objects.defer("credentials").select_related("organization").filter(matching)[:_SHOWN]
        ):
            about = f"Creator of {found.organization}"
            yield _result(found.display_name, about, "onlyfans_creatoraccount", found.pk, "star")


def _incidents(term: str) -> Iterator[SearchResult]:
    if len(term) >= _SHORTEST:
        for found in order_open_first(Incident.objects.filter(title__icontains=term))[:_SHOWN]:
            state, _ = describe_state(found, now())
            about = f"Incident, {state[0].lower()}{state[1:]}"
            yield _result(found.title, about, "alerts_incident", found.pk, "notification_important")
