"""One's own two-factor log-in: whether it is on, new recovery codes, another phone."""

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.admin.entering import show_codes
from accounts.forms import CodeForm
from accounts.models import Authenticator, User
from accounts.services.second_step import count_recovery_codes, forget_second_step, renew_recovery_codes


def own_page(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the state; with a code of the present app, make new recovery codes or forget the app."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    authenticator = Authenticator.objects.filter(user=user).first()
    form = CodeForm(user, request.POST or None)
    if authenticator and form.is_bound and form.is_valid():
        return _act(site, request, user)
    context = {
        "title": "Two-factor log-in",
        "form": form,
        "authenticator": authenticator,
        "codes_left": count_recovery_codes(user),
        "is_required": settings.TWO_FACTOR_REQUIRED,
    }
    request.current_app = site.name
    return TemplateResponse(request, "accounts/second_step.html", {**site.each_context(request), **context})


def _act(site: AdminSite, request: HttpRequest, user: User) -> HttpResponse:
    if request.POST.get("action") == "codes":
        return show_codes(site, request, renew_recovery_codes(user), reverse("admin:second_step"))
    forget_second_step(user)
    messages.success(request, "Your authenticator app is forgotten. Set up the new one.")
    return redirect("admin:login_set_up")
