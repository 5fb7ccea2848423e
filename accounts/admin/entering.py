"""Logging in: a password, then a code of an authenticator app, or a recovery code; whoever has no app sets one up."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from qrcode.image.svg import SvgPathImage
from qrcode.main import make

from accounts.forms import CodeForm, EnrolForm, PasswordForm, RecoveryForm
from accounts.models import User
from accounts.services.second_step import (
    APP,
    RECOVERY,
    WRONG_CODE,
    address_of_secret,
    count_recovery_codes,
    enrol,
    has_second_step,
)
from accounts.services.sessions import Pending, begin_session, keep_pending, note_second_step

_FEW_CODES = 3
ISSUER = "Huntaze"


class PasswordStep(LoginView):
    """The first step: who has a second one to take is not in yet."""

    authentication_form = PasswordForm
    template_name = "admin/login.html"

    def form_valid(self, form: Any) -> HttpResponseRedirect:
        """Let in whoever needs no second step; lead everybody else to theirs."""
        user, wanted = form.get_user(), self.get_success_url()
        if has_second_step(user):
            keep_pending(self.request, user, wanted)
            return HttpResponseRedirect(reverse("admin:login_code"))
        if settings.TWO_FACTOR_REQUIRED:
            keep_pending(self.request, user, wanted)
            return HttpResponseRedirect(reverse("admin:login_set_up"))
        begin_session(self.request, user)
        return HttpResponseRedirect(wanted)


def password_step(site: AdminSite, request: HttpRequest) -> Any:
    """Show the log-in form."""
    if request.method == "GET" and site.has_permission(request):
        return redirect("admin:index")
    context = {"title": "Log in", "app_path": request.get_full_path(), "username": request.user.get_username()}
    if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
        context[REDIRECT_FIELD_NAME] = reverse("admin:index")
    return PasswordStep.as_view(extra_context={**site.each_context(request), **context})(request)


def code_step(site: AdminSite, request: HttpRequest, form_class: Any = CodeForm) -> HttpResponse:
    """Ask for a code, and let in whoever has it."""
    pending = Pending.read(request.session)
    if pending is None:
        return _start_again(request)
    form = form_class(pending.user, request.POST or None)
    if form.is_bound and form.is_valid():
        is_recovery = form_class is RecoveryForm
        begin_session(request, pending.user, RECOVERY if is_recovery else APP)
        if is_recovery:
            _tell_how_many_are_left(request, pending.user)
        return HttpResponseRedirect(pending.wanted)
    context = {"form": form, "is_recovery": form_class is RecoveryForm, "email": pending.user.email}
    return _show(site, request, "accounts/log_in_code.html", "Second step", context)


def recovery_step(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Ask for a recovery code instead."""
    return code_step(site, request, RecoveryForm)


def set_up_step(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Let somebody set up their authenticator app, half way in or inside; show the recovery codes once."""
    pending = Pending.read(request.session)
    user = pending.user if pending else _inside(site, request)
    if user is None:
        return _start_again(request)
    if has_second_step(user):
        return redirect("admin:login_code" if pending else "admin:second_step")
    form = EnrolForm(user, request.POST or None)
    if form.is_bound and form.is_valid() and not form.is_stale:
        codes = enrol(user, form.secret, form.cleaned_data["code"])
        if codes is not None:
            wanted = pending.wanted if pending else reverse("admin:second_step")
            if pending:
                begin_session(request, user, APP)
            else:
                note_second_step(request, APP)
            return show_codes(site, request, codes, wanted)
        form.add_error("code", WRONG_CODE)
    secret = form.secret
    context = {
        "form": form,
        "email": user.email,
        "issuer": ISSUER,
        "qr": draw_qr(address_of_secret(user, secret, ISSUER)),
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        "is_required": settings.TWO_FACTOR_REQUIRED,
        "is_inside": pending is None,
    }
    return _show(site, request, "accounts/log_in_set_up.html", "Set up your second step", context)


def show_codes(site: AdminSite, request: HttpRequest, codes: list[str], wanted: str) -> HttpResponse:
    """Show new recovery codes, this once."""
    context = {"codes": codes, "wanted": wanted}
    return _show(site, request, "accounts/log_in_codes.html", "Keep your recovery codes", context)


def draw_qr(text: str) -> SafeString:
    """Draw a QR code as SVG that stands in the page itself: the secret goes through no address and no cache."""
    image = make(text, image_factory=SvgPathImage, border=2)  # type: ignore[no-untyped-call]  # it has no types
    return SafeString(image.to_string(encoding="unicode"))


def _tell_how_many_are_left(request: HttpRequest, user: User) -> None:
    left = count_recovery_codes(user)
    if left <= _FEW_CODES:
        codes = {0: "no recovery code", 1: "1 recovery code"}.get(left, f"{left} recovery codes")
        messages.warning(request, f"You have {codes} left: make new ones under “Two-factor log-in”.")


def _inside(site: AdminSite, request: HttpRequest) -> User | None:
    return request.user if site.has_permission(request) and isinstance(request.user, User) else None


def _start_again(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        messages.warning(request, "That took too long: log in again.")
    return redirect("admin:login")


def _show(
    site: AdminSite, request: HttpRequest, template: str, title: str, context: dict[str, Any]
) -> TemplateResponse:
    request.current_app = site.name
    # Nobody is in yet: the frame of the page must not look as if.
    common = {**site.each_context(request), "title": title}
    return TemplateResponse(request, template, {**common, **context})
