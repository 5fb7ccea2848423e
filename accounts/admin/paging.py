"""Pages of long lists, found by index however long they are: a page begins at a row, and nothing is counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

AFTER, BEFORE = "after", "before"
_LONGEST_ID = 18


@dataclass(frozen=True)
class KeysetPage:
    """One page of rows, and how the places of its neighbours are named in an address; empty where there are none."""

    rows: Sequence[Any]
    newer: str = ""
    older: str = ""


class KeysetPaginator(Paginator):  # type: ignore[type-arg]  # Django's class takes none at run time
    """The rows of one page, with the addresses of its neighbours; empty where there is none."""

    template_name = "accounts/pagination.html"
    newer = older = ""


class KeysetChangeList(ChangeList):
    """A list, the newest first by id, that never counts and never skips rows one by one."""

    def find_page(self, rows: "QuerySet[Any]", after: str, before: str) -> KeysetPage:
        """Find the rows just older than a place, or just newer than one, or the newest of all."""
        return find_page_by_id(rows, self.list_per_page, after, before)

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Leave out where the page begins, which is no filter."""
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in {AFTER, BEFORE}}

    def get_results(self, request: HttpRequest) -> None:
        """Find the page that the address names."""
        after, before = (request.GET.get(name, "") for name in (AFTER, BEFORE))
        for name in (AFTER, BEFORE):
            # Another filter or search begins at the newest again.
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        page = self.find_page(self.queryset, after, before)
        self.paginator = KeysetPaginator(page.rows, self.list_per_page)
        self.paginator.newer = self._address(BEFORE, page.newer)
        self.paginator.older = self._address(AFTER, page.older)
        self.result_list = page.rows
        # Equal, the page says nothing of either.
        self.result_count = self.full_result_count = len(page.rows)
        self.show_full_result_count = self.show_admin_actions = self.can_show_all = self.multi_page = False

    def _address(self, name: str, place: str) -> str:
        address: str = self.get_query_string({name: place}, ["p"]) if place else ""
        return address


def find_page_by_id(rows: "QuerySet[Any]", size: int, after: str, before: str) -> KeysetPage:
    """Find a page of rows, the newest first, by the id of the row before or after it; nonsense counts as not given."""
    older_than, newer_than = _read_id(after), _read_id(before)
    comes_back = newer_than is not None and older_than is None
    if comes_back:
        found = list(rows.filter(pk__gt=newer_than).order_by("pk")[: size + 1])
    else:
        found = list((rows.filter(pk__lt=older_than) if older_than else rows).order_by("-pk")[: size + 1])
    more, found = len(found) > size, found[:size]
    if comes_back:
        found.reverse()
    if not found:
        return KeysetPage([])
    has_newer, has_older = (more, True) if comes_back else (older_than is not None, more)
    return KeysetPage(found, str(found[0].pk) if has_newer else "", str(found[-1].pk) if has_older else "")


def _read_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID else None
