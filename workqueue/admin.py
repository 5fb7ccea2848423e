"""Dismissing what nobody needs, and restoring it: a button on each page, and an action of the list."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from accounts.admin.pages import door, find, render, require
from accounts.forms import ReasonForm
from workqueue.models import Dismissible, LeasedRow
from workqueue.services import dismiss, restore

if TYPE_CHECKING:
    from accounts.models import User

_MOST_AT_ONCE, _NAMED = 500, 5


@dataclass(frozen=True, slots=True)
class ReasonedAction:
    """What a button or a list's action does once somebody gave a reason: its words, and what is said afterwards."""

    name: str
    title: str
    about: str
    done: str

    @property
    def action(self) -> str:
        return f"{self.name}_selected"


class DismissingAdmin(ModelAdmin):
    """A list of what staff may dismiss with a reason, and restore."""

    dismiss_about = "Nobody is asked about it any more. It stays in the list with its error, and can be restored."
    restore_about = "It needs attention again, as before."
    actions: tuple[str, ...] = ("dismiss_selected", "restore_selected")
    # Nobody counts the whole list, and no action takes all of it.
    list_disable_select_all = True

    @property
    def dismissal(self) -> ReasonedAction:
        """What *Dismiss* says and does."""
        return ReasonedAction("dismiss", "Dismiss", self.dismiss_about, "dismissed")

    @property
    def restoring(self) -> ReasonedAction:
        """What *Restore* says and does."""
        return ReasonedAction("restore", "Restore", self.restore_about, "restored")

    def dismiss(self, ids: Iterable[int], *, actor: "User", reason: str) -> int:
        """Dismiss rows; return how many could be."""
        return len(dismiss(self.model._default_manager.filter(pk__in=list(ids)), actor=actor, reason=reason))

    def restore(self, ids: Iterable[int], *, actor: "User", reason: str) -> int:
        """Restore rows; return how many were dismissed."""
        return len(restore(self.model._default_manager.filter(pk__in=list(ids)), actor=actor, reason=reason))

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the buttons."""
        return [
            path(f"<int:key>/{name}/", door(self, _make_page(name)), name=self._address(name))
            for name in ("dismiss", "restore")
        ] + super().get_urls()

    def _address(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def find_button(self, request: HttpRequest, row: Dismissible) -> tuple[str, str]:
        """Return the address and the word of the button on a row's page; empty where there is none to press."""
        if not self.has_dismiss_permission(request):
            return "", ""
        if row.dismissed_at is not None:
            action = self.restoring
        elif not isinstance(row, LeasedRow) or row.status in row.LEFT:
            action = self.dismissal
        else:
            return "", ""
        return reverse(f"admin:{self._address(action.name)}", args=[row.pk]), action.title

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        """Return whether somebody may dismiss."""
        return request.user.has_perms(self.list_permissions())

    def list_permissions(self) -> tuple[str, str]:
        """List what is needed: to see, and to dismiss."""
        app, name = self.opts.app_label, self.opts.model_name
        return f"{app}.view_{name}", f"{app}.dismiss_{name}"

    @admin.action(description="Dismiss selected…", permissions=["dismiss"])
    def dismiss_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask why, then dismiss those that can be."""
        return self._work_on_selected(request, queryset, self.dismissal)

    @admin.action(description="Restore selected…", permissions=["dismiss"])
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask why, then restore those that were dismissed."""
        return self._work_on_selected(request, queryset, self.restoring)

    def _work_on_selected(
        self, request: HttpRequest, queryset: QuerySet[Any], action: ReasonedAction
    ) -> HttpResponse | None:
        selected = list(queryset.order_by("pk")[: _MOST_AT_ONCE + 1])
        if len(selected) > _MOST_AT_ONCE:
            messages.error(request, f"Select at most {_MOST_AT_ONCE} at a time.")
            return None
        hidden = [("action", action.action), *((ACTION_CHECKBOX_NAME, one.pk) for one in selected)]
        return self.ask(request, action, selected, request.get_full_path(), hidden)

    def ask(
        self,
        request: HttpRequest,
        action: ReasonedAction,
        rows: Sequence[Any],
        back: str,
        hidden: Sequence[tuple[str, Any]] = (),
    ) -> HttpResponse:
        """Ask why, and do it once there is an answer."""
        actor = require(request, *self.list_permissions())
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        if form.is_valid():
            act: Callable[..., int] = getattr(self, action.name)
            count = act([one.pk for one in rows], actor=actor, reason=form.cleaned_data["reason"])
            _tell(request, action, count)
            return redirect(back if hidden else self._find_way_back(rows[0].pk, back))
        names, more = [str(one) for one in rows[:_NAMED]], max(0, len(rows) - _NAMED)
        context = {"form": form, "asked": action, "names": names, "more": more, "back": back, "hidden": hidden}
        return render(self, request, "workqueue/dismiss.html", action.title, context)

    def _find_way_back(self, key: int, page: str) -> str:
        """Lead to a row's page, or to the list where it is gone: restored earnings may have found their creator."""
        is_there = self.model._default_manager.filter(pk=key).exists()
        return page if is_there else reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def _make_page(name: str) -> Callable[..., HttpResponse]:
    def page(owner: DismissingAdmin, request: HttpRequest, key: int) -> HttpResponse:
        row = find(owner.model, key)
        address = f"admin:{owner.opts.app_label}_{owner.opts.model_name}_change"
        action = owner.dismissal if name == "dismiss" else owner.restoring
        return owner.ask(request, action, [row], reverse(address, args=[row.pk]))

    return page


def _tell(request: HttpRequest, action: ReasonedAction, count: int) -> None:
    if count:
        messages.success(request, f"{count:,} {'was' if count == 1 else 'were'} {action.done}.")
    else:
        messages.warning(request, f"None of the selected items could be {action.done}.")
