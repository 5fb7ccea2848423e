"""Every list of the admin filtered only as it offers, and searched for what a person would type.

Django admits any lookup of a column in an address, a regular expression that takes the database minutes among them.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, SEARCH_VAR, ChangeList, ChangeListSearchForm
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from huntaze.chips import Chip, list_chips

if TYPE_CHECKING:
    _ModelAdmin = ModelAdmin[Any]
else:
    _ModelAdmin = object

_REFUSED = "That page or filter does not exist, so the list is shown without it."
# Each word is looked for in every column: of a thousand, the database takes seconds to plan the query alone.
_LONGEST_SEARCH, _MOST_WORDS = 200, 10
_TOO_LONG = (
    f"The list is shown without your search, which is too long: search for at most {_MOST_WORDS} words "
    f"and {_LONGEST_SEARCH} characters."
)


class DeclaredFilters(_ModelAdmin):
    """Admits the filters of `list_filter`, and those of `linked_by`, which pages of ours link to."""

    linked_by: tuple[str, ...]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """List as the admin does, by declared filters alone."""
        base: Any = super().get_changelist(request, **kwargs)
        return _narrow(base)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find nothing by what is too long to be looked for; only a field that completes what is typed asks for it."""
        if _is_too_long(search_term):
            return queryset.none(), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; where an address asks for what there is not, say so and show it whole."""
        if ERROR_FLAG in request.GET:
            if len(request.GET) > 1:
                return redirect(f"{request.path}?{ERROR_FLAG}=1")
            messages.warning(request, _REFUSED)
        return super().changelist_view(request, extra_context)


@cache
def _narrow(base: type[ChangeList]) -> type[ChangeList]:
    return type(base.__name__, (_NarrowChangeList, base), {})


def _is_too_long(search: str) -> bool:
    return len(search) > _LONGEST_SEARCH or len(search.split()) > _MOST_WORDS


def _check_search(text: str) -> None:
    if _is_too_long(text):
        raise ValidationError(_TOO_LONG)


class _SearchForm(ChangeListSearchForm):
    """Takes a search that a person would type."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[SEARCH_VAR].validators.append(_check_search)


class _NarrowChangeList(ChangeList):
    search_form_class = _SearchForm

    @property
    def chips(self) -> list[Chip]:
        """Describe the active filters to the template."""
        return list(list_chips(self))

    def get_filters(self, request: HttpRequest) -> Any:
        """Refuse what no filter took and no page links to, before anything is asked of the database."""
        try:
            found = super().get_filters(request)
        except DisallowedModelAdminLookup as error:
            raise IncorrectLookupParameters(str(error)) from None
        left = set(found[2]) - set(getattr(self.model_admin, "linked_by", ()))
        if left:
            raise IncorrectLookupParameters(f"No such filter: {', '.join(sorted(left))}")
        return found
