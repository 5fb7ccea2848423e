"""Every list of the admin filtered only as it offers.

Django admits any lookup of a column in an address, a regular expression that takes the database minutes among them.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

if TYPE_CHECKING:
    _ModelAdmin = ModelAdmin[Any]
else:
    _ModelAdmin = object

_REFUSED = "That page or filter does not exist, so the list is shown without it."


class DeclaredFilters(_ModelAdmin):
    """Admits the filters of `list_filter`, and those of `linked_by`, which pages of ours link to."""

    linked_by: tuple[str, ...]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """List as the admin does, by declared filters alone."""
        base: Any = super().get_changelist(request, **kwargs)
        return _narrow(base)

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


class _NarrowChangeList(ChangeList):
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
