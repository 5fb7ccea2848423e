"""Pages of the invoice list, however long it is: counted exactly as far as that is quick, estimated beyond."""

from functools import cached_property
from typing import cast

from django.core.paginator import Paginator
from django.db.models import QuerySet

from billing.models import Invoice
from billing.selectors.invoices import Selection, get_selection

# Of a selection too large to be counted, so many can be paged through: a later page is slower the later it is.
_REACHED = 10_000


class SelectionPaginator(Paginator):  # type: ignore[type-arg]  # Django's class takes none at run time
    """Pages of a selection of invoices, with what it comes to."""

    template_name = "billing/admin/pagination.html"

    @cached_property
    def selection(self) -> Selection:
        """The selection's size and totals."""
        return get_selection(cast("QuerySet[Invoice]", self.object_list))

    @cached_property
    def count(self) -> int:
        """How many invoices can be paged through."""
        return self.selection.count if self.selection.totals is not None else min(self.selection.count, _REACHED)
