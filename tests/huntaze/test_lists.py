"""Lists of the admin: filtered as they offer and in no other way, whatever an address asks for."""

import re
from contextlib import suppress
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.messages.storage.cookie import CookieStorage
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
ADMINS = sorted(admin.site._registry.items(), key=lambda found: found[0]._meta.label)
MODELS = [model for model, _ in ADMINS]
_LOOKUPS = (
    *("", "__exact", "__regex", "__iregex", "__icontains", "__year", "__month", "__in", "__range", "__isnull"),
    *("__gte", "__date__year", "__nonsense", "__id__regex"),
)
_VALUES = ("(", "(((((a+)+)+)+)+)+$", "99999999999", "9999-12-31", "x", "-1", "9" * 400)
_HOSTILE = (*_VALUES, "9" * 18, "0001-01-01", "2026-13", "9999-12", "1,2", "true", "None", "\ud7ff", "a" * 5_000)


def _list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _list_parameters(registered: Any) -> set[str]:
    """Return what a list takes from its address: by its filters, and by links of ours."""
    taken = {"until", "before", "after", *getattr(registered, "linked_by", ())}
    for declared in registered.list_filter:
        if isinstance(declared, type):
            taken.add(str(declared.parameter_name))  # type: ignore[attr-defined]  # a filter without a column has one
        else:
            column = declared if isinstance(declared, str) else declared[0]
            taken |= {f"{column}{lookup}" for lookup in ("", "__exact", "__id__exact", "__isnull", "__icontains")}
    return taken


def _ask(registered: Any, name: str, value: str) -> Any:
    """Return the list that an address asks for; IncorrectLookupParameters where it is refused."""
    request: Any = RequestFactory().get("/", {name: value})
    request.user, request.session = User(is_superuser=True, is_staff=True, is_active=True), {}
    request._messages = CookieStorage(request)
    changelist = registered.get_changelist_instance(request)
    shown = [list(spec.choices(changelist)) for spec in changelist.filter_specs]
    return shown, list(changelist.result_list)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_what_a_list_does_not_offer_is_refused_before_the_database_is_asked(model: type[Model]) -> None:
    registered = admin.site._registry[model]
    offered = _list_parameters(registered)
    for column in model._meta.get_fields():
        for lookup in _LOOKUPS:
            name = f"{column.name}{lookup}"
            if name not in offered:
                with CaptureQueriesContext(connection) as asked, pytest.raises(IncorrectLookupParameters):
                    _ask(registered, name, "(((a+)+)+)+$")
                assert not [query for query in asked if "a+" in query["sql"]], name


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_value_breaks_what_a_list_offers(model: type[Model]) -> None:
    registered = admin.site._registry[model]
    own = ("p", "o", "q", "after", "before", "e", "all")
    for name in {*_list_parameters(registered), *own}:
        for value in _HOSTILE:
            with suppress(IncorrectLookupParameters), transaction.atomic():
                _ask(registered, name, value)


def test_a_refused_filter_says_so_and_shows_the_list() -> None:
    client, address = log_in("Read only"), reverse("admin:billing_stripeevent_changelist")
    for query in ("body__regex=(a%2B)%2B$", "name__regex=(", "received_at__year=99999999999", "e=1&x__y=2"):
        page = client.get(f"{address}?{query}", follow=True)
        assert page.status_code == 200
        said = re.findall(
            r"That page or filter does not exist, so the list is shown without it\.", page.content.decode()
        )
        assert len(said) == 1, query


@pytest.mark.parametrize("text", ["+".join("a" * 11), "+".join("a" * 1_500), "a" * 201])
def test_a_search_longer_than_a_person_types_never_reaches_the_database(text: str) -> None:
    client, address = log_in("Read only"), reverse("admin:billing_billingaccount_changelist")
    with CaptureQueriesContext(connection) as asked:
        page = client.get(f"{address}?q={text}")
    said = "The list is shown without your search, which is too long: search for at most 10 words and 200 characters."
    assert (page.status_code, page.content.decode().count(said)) == (200, 1)
    assert not [query for query in asked if "ILIKE" in query["sql"] or "UPPER(" in query["sql"]]


@pytest.mark.parametrize("text", ["+".join("a" * 10), "a" * 200])
def test_a_search_of_ten_words_is_made(text: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        page = log_in("Read only").get(f"{reverse('admin:billing_billingaccount_changelist')}?q={text}")
    assert (page.status_code, "which is too long" in page.content.decode()) == (200, False)
    assert [query for query in asked if "UPPER(" in query["sql"]]


def test_what_completes_a_name_searches_no_longer_text_either() -> None:
    field = "app_label=billing&model_name=billingaccount&field_name=organization"
    with CaptureQueriesContext(connection) as asked:
        found = log_in("Read only").get(f"/admin/autocomplete/?term={'+'.join('a' * 1_500)}&{field}")
    assert (found.status_code, found.json()["results"]) == (200, [])
    assert not [query for query in asked if "UPPER(" in query["sql"]]


def test_pages_of_ours_link_to_what_is_admitted() -> None:
    client = log_in(superuser=True)
    history = "/admin/accounts/auditentry/?object_type=billing.invoice&object_id=17"
    creators = "/admin/onlyfans/creatoraccount/?organization__id__exact=org_1"
    assert [client.get(address).status_code for address in (history, creators)] == [200, 200]


def test_whoever_is_not_logged_in_learns_nothing() -> None:
    assert Client().get("/admin/accounts/user/?password__regex=(").status_code == 302
