"""What is done about somebody's log-in: a lost phone, sessions left open, an account locked out."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import ReadOnlyAdmin, breakable
from accounts.forms import ReasonForm
from accounts.models import Authenticator, LockOut, User
from accounts.services.lockouts import unlock
from accounts.services.second_step import count_recovery_codes, reset_second_step
from accounts.services.sessions import log_out_everywhere
from common.clock import now

_UNLOCK = "accounts.unlock_lockout"


def describe_second_step(user: User) -> str:
    """Return whether somebody has a second step, and how many recovery codes are left."""
    authenticator = Authenticator.objects.filter(user=user).first()
    if authenticator is None:
        return "Not set up"
    return f"Since {authenticator.confirmed_at:%Y-%m-%d}, {count_recovery_codes(user)} recovery codes left"


def reset_page(site_admin: Any, request: HttpRequest, user_id: int) -> HttpResponse:
    """Confirm and forget somebody's second step."""
    says = (
        "Their authenticator app and recovery codes are forgotten and all their sessions end. They set up a new app "
        "after their password, so make sure that it is really them who asks.",
    )
    return _ask(site_admin, request, user_id, "Reset second step", says, reset_second_step)


def log_out_page(site_admin: Any, request: HttpRequest, user_id: int) -> HttpResponse:
    """Confirm and end all sessions of somebody."""
    says = ("All their sessions end, in every browser, and so do the tokens of their programs.",)
    return _ask(site_admin, request, user_id, "Log out everywhere", says, log_out_everywhere)


def _ask(
    site_admin: Any,
    request: HttpRequest,
    user_id: int,
    title: str,
    says: tuple[str, ...],
    act: Callable[..., None],
) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    if not isinstance(request.user, User) or not site_admin.has_change_permission(request, user):
        raise PermissionDenied
    back = reverse("admin:accounts_user_change", args=[user.pk])
    form = ReasonForm(request.POST or None)
    if form.is_bound and form.is_valid():
        act(user, actor=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, f"{user}: done.")
        return redirect(back)
    request.current_app = site_admin.admin_site.name
    context = {"title": title, "says": says, "form": form, "user_shown": user, "back": back, "opts": User._meta}
    common = site_admin.admin_site.each_context(request)
    return TemplateResponse(request, "accounts/confirm.html", {**common, **context})


class LockFilter(DropdownFilter):
    """Who has to wait, or whose failures are only counted so far."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [("locked", "Locked out"), ("counted", "Only counted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LockOut]) -> QuerySet[LockOut]:
        """Keep the wanted ones."""
        match self.value():
            case "locked":
                return queryset.filter(locked_until__gt=now())
            case "counted":
                return queryset.exclude(locked_until__gt=now())
        return queryset


@admin.register(LockOut)
class LockOutAdmin(ReadOnlyAdmin):
    """Who has to wait, and below them who failed to log in lately."""

    list_display = ("who", "state", "until", "network_name", "kind", "failures", "failed")
    list_filter = (LockFilter,)
    list_filter_submit = True
    search_fields = ("account",)
    search_help_text = "The e-mail address that was typed"
    sortable_by = ()
    actions = ("unlock",)
    # Nobody counts the whole list, and no action takes all of it.
    list_disable_select_all = True
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[LockOut]:
        """Leave out where every failure was taken back."""
        queryset: QuerySet[LockOut] = super().get_queryset(request)
        return queryset.exclude(failures=0)

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Put what is shut first, then what failed last."""
        is_shut = ExpressionWrapper(Q(locked_until__isnull=False, locked_until__gt=now()), BooleanField())
        return (is_shut.desc(), "-last_failed_at", "-id")

    def action_checkbox(self, obj: Model) -> SafeString:
        """Offer to unlock what is locked, and nothing else."""
        box: SafeString = super().action_checkbox(obj)
        return box if isinstance(obj, LockOut) and obj.is_locked(now()) else SafeString("")

    # The head of the column: a box that ticks them all.
    action_checkbox.short_description = ModelAdmin.action_checkbox.short_description  # type: ignore[attr-defined]  # set by Django

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        """Tell who may unlock."""
        return request.user.has_perm(_UNLOCK)

    @action(description="Unlock", permissions=["unlock"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[LockOut]) -> None:
        """Open the doors of the ticked ones before their time; those that are open already stay as they are."""
        actor, ticked = _member_of_staff(request), list(queryset)
        locked = [lock for lock in ticked if lock.is_locked(now())]
        for lock in locked:
            unlock(lock, actor=actor)
        if locked:
            self.message_user(request, f"{len(locked)} unlocked.", messages.SUCCESS)
        if left := len(ticked) - len(locked):
            self.message_user(request, f"{left} left alone: not locked, or no longer.", messages.WARNING)

    @display(description="Account")
    def who(self, lock: LockOut) -> SafeString:
        """Name what was typed."""
        return breakable(lock.account or "Any account")

    @display(description="From")
    def network_name(self, lock: LockOut) -> str:
        """Name the network."""
        return lock.network or "Anywhere"

    @display(description="Last failure (UTC)")
    def failed(self, lock: LockOut) -> str:
        """Tell when."""
        return f"{lock.last_failed_at:%Y-%m-%d %H:%M:%S}"

    @display(description="State", label={"Locked out": "danger", "Not locked": ""})
    def state(self, lock: LockOut) -> str:
        """Return whether the door is shut."""
        return "Locked out" if lock.is_locked(now()) else "Not locked"

    @display(description="Until (UTC)")
    def until(self, lock: LockOut) -> str:
        """Tell when the door opens by itself."""
        return f"{lock.locked_until:%Y-%m-%d %H:%M}" if lock.is_locked(now()) else "-"


def _member_of_staff(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
