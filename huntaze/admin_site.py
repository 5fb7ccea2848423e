"""The admin site."""

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite


class HuntazeAdminSite(UnfoldAdminSite):
    """The back office: where staff watch, explain, rerun and correct."""

    index_title = "Today"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Let no admin be without what holds for all."""
        from huntaze.guarded import guarded

        super().register(model_or_iterable, guarded(admin_class or admin.ModelAdmin), **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Add the steps of logging in, the page of one's own second step, and the dashboards."""
        from accounts.admin import entering, second_step
        from analytics.admin import dashboards

        steps = {
            "login/code/": ("login_code", entering.code_step),
            "login/recovery/": ("login_recovery", entering.recovery_step),
            "login/set-up/": ("login_set_up", entering.set_up_step),
        }
        own = [path(at, never_cache(partial(view, self)), name=name) for at, (name, view) in steps.items()]
        own.append(path("two-factor/", self.admin_view(partial(second_step.own_page, self)), name="second_step"))
        cards: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
            "dashboards/<slug:page>/": ("dashboard", dashboards.dashboard_page),
            "dashboards/cards/<slug:name>.<slug:kind>": ("dashboard_export", dashboards.export_page),
        }
        own += [path(at, self.admin_view(partial(view, self)), name=name) for at, (name, view) in cards.items()]
        return [*own, *super().get_urls()]

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in staff who have shown their second step, where one is required."""
        from accounts.services.sessions import has_shown_second_step

        allowed: bool = super().has_permission(request)
        return allowed and (has_shown_second_step(request) or not settings.TWO_FACTOR_REQUIRED)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Ask for the password; the second step follows on a page of its own."""
        from accounts.admin.entering import password_step

        request.current_app = self.name
        return password_step(self, request)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Let out, with an audit entry."""
        from accounts.services.sessions import end_session

        if request.method == "POST":
            end_session(request)
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Let staff change their own password, with an audit entry."""
        from django.contrib.auth.views import PasswordChangeView

        from accounts.forms import OwnPasswordForm

        request.current_app = self.name
        return PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)

    def admin_view[View: Callable[..., Any]](self, view: View, cacheable: bool = False) -> View:
        """Let staff in alone, and to no address with a NUL, which the database takes in no text."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if "\0" in request.path or "%00" in request.META["QUERY_STRING"]:
                raise Http404("Nothing has such an address.")
            return view(request, *args, **kwargs)

        return super().admin_view(cast(View, update_wrapper(checked, view)), cacheable)


def refuse(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say within the admin, with a way back, that somebody may not do something."""
    context = {**admin.site.each_context(request), "title": "Not allowed"}
    return render(request, "admin/refusal.html", context, status=403)
