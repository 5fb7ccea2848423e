"""Dismissing what nobody needs, and bringing it back: a button on each page, and an action of the list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from accounts.admin.pages import door, find, render, require
from accounts.forms import DismissalForm

_MOST_AT_ONCE, _NAMED = 500, 5


@dataclass(frozen=True, slots=True)
class Deed:
    """What a button or an action does: its word, what it leads to, and how it is told of."""

    name: str
    title: str
    about: str
    done: str
    act: Callable[..., int]

    @property
    def action(self) -> str:
        return f"{self.name}_ticked"


class DismissingAdmin(ModelAdmin):
    """A list of what staff may dismiss with a reason, and bring back."""

    dismissal: Deed
    restoring: Deed
    actions: tuple[str, ...] = ("dismiss_ticked", "restore_ticked")
    # Nobody counts the whole list, and no action takes all of it.
    list_disable_select_all = True

    def get_urls(self) -> list[URLPattern]:
        """Add the doors of the buttons."""
        return [
            path(f"<int:key>/{deed.name}/", door(self, _make_page(deed)), name=self._door(deed))
            for deed in (self.dismissal, self.restoring)
        ] + super().get_urls()

    def _door(self, deed: Deed) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{deed.name}"

    def find_button(self, request: HttpRequest, thing: Any, *, is_dismissed: bool, can_be: bool) -> tuple[str, str]:
        """Return the address and the word of the button on a thing's page; nothing where there is none to press."""
        if not (self.has_dismiss_permission(request) and (is_dismissed or can_be)):
            return "", ""
        deed = self.restoring if is_dismissed else self.dismissal
        return reverse(f"admin:{self._door(deed)}", args=[thing.pk]), deed.title

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        """Tell who may dismiss."""
        return request.user.has_perms(self.list_permissions())

    def list_permissions(self) -> tuple[str, str]:
        """List what is needed: to see, and to dismiss."""
        return tuple(f"{self.opts.app_label}.{verb}_{self.opts.model_name}" for verb in ("view", "dismiss"))  # type: ignore[return-value]  # of two

    @admin.action(description="Dismiss the ticked ones…", permissions=["dismiss"])
    def dismiss_ticked(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask why, then dismiss those that can be."""
        return self._work_on_ticked(request, queryset, self.dismissal)

    @admin.action(description="Bring the ticked ones back…", permissions=["dismiss"])
    def restore_ticked(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask why, then bring back those that were dismissed."""
        return self._work_on_ticked(request, queryset, self.restoring)

    def _work_on_ticked(self, request: HttpRequest, queryset: QuerySet[Any], deed: Deed) -> HttpResponse | None:
        ticked = list(queryset.order_by("pk")[: _MOST_AT_ONCE + 1])
        if len(ticked) > _MOST_AT_ONCE:
            messages.error(request, f"At most {_MOST_AT_ONCE} can be ticked at once.")
            return None
        back = request.get_full_path()
        hidden = [("action", deed.action), *((ACTION_CHECKBOX_NAME, one.pk) for one in ticked)]
        return self.work(request, deed, ticked, back, hidden)

    def work(
        self, request: HttpRequest, deed: Deed, things: Sequence[Any], back: str, hidden: Sequence[tuple[str, Any]] = ()
    ) -> HttpResponse:
        """Ask why, and do it once there is an answer."""
        actor = require(request, *self.list_permissions())
        form = DismissalForm(request.POST if "reason" in request.POST else None)
        if form.is_valid():
            count = deed.act([one.pk for one in things], actor=actor, reason=form.cleaned_data["reason"])
            _tell(request, deed, count)
            return redirect(back if hidden else self._find_way_back(things[0].pk, back))
        names, more = [str(one) for one in things[:_NAMED]], max(0, len(things) - _NAMED)
        context = {"form": form, "deed": deed, "names": names, "more": more, "back": back, "hidden": hidden}
        return render(self, request, "accounts/admin/dismiss.html", deed.title, context)

    def _find_way_back(self, key: int, page: str) -> str:
        """Lead to a thing's page, or to the list where it is gone: what was brought back may have found its creator."""
        is_there = self.model._default_manager.filter(pk=key).exists()
        return page if is_there else reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def _make_page(deed: Deed) -> Callable[..., HttpResponse]:
    def page(owner: DismissingAdmin, request: HttpRequest, key: int) -> HttpResponse:
        thing = find(owner.model, key)
        address = f"admin:{owner.opts.app_label}_{owner.opts.model_name}_change"
        return owner.work(request, deed, [thing], reverse(address, args=[thing.pk]))

    return page


def _tell(request: HttpRequest, deed: Deed, count: int) -> None:
    if count:
        messages.success(request, f"{count:,} {'was' if count == 1 else 'were'} {deed.done}.")
    else:
        messages.warning(request, "None of them can be: nothing was done.")
