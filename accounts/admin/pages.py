"""What the doors of all apps share: pages within the admin, buttons that do one thing, lists that nobody edits."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from accounts.models import User
from common.errors import WorkError

type AnyAdmin = DjangoModelAdmin[Any]

_LONGEST_ID = 18


class ReadOnlyAdmin(ModelAdmin):
    """A list and a page that show and never change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes one by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes one by hand."""
        return False


def door(admin: AnyAdmin, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Put a view behind the admin's log-in, with its admin as the first argument."""
    return admin.admin_site.admin_view(partial(view, admin))


def require(request: HttpRequest, *permissions: str) -> User:
    """Return who asks; refuse whoever lacks one of the permissions."""
    user = request.user
    if not isinstance(user, User) or not user.has_perms(permissions):
        raise PermissionDenied
    return user


def find[M: Model](model: type[M], key: str | int) -> M:
    """Find what an address names; Http404 otherwise."""
    text = str(key)
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID:
        found = model._default_manager.filter(pk=text).first()
        if found is not None:
            return found
    raise Http404(f"There is no {model._meta.verbose_name} {text}.")


def render(
    admin: AnyAdmin, request: HttpRequest, template: str, title: str, context: dict[str, Any]
) -> TemplateResponse:
    """Render a page within the admin site."""
    request.current_app = admin.admin_site.name
    common = {**admin.admin_site.each_context(request), "opts": admin.model._meta, "title": title}
    return TemplateResponse(request, template, {**common, **context})


def press(request: HttpRequest, act: Callable[[], str], back: HttpResponse) -> HttpResponse:
    """Do what a button stands for, which only a POST may ask for, and tell what came of it."""
    if request.method != "POST":
        # Whoever had to log in again comes back by the button's address.
        messages.warning(request, "Nothing was done: press the button again.")
        return back
    try:
        messages.success(request, act())
    except WorkError as error:
        messages.error(request, error.message)
    return back


def breakable(text: str) -> SafeString:
    """Let a text that may be one long word break within its column."""
    return format_html('<span class="hz-any">{}</span>', text)


@lru_cache(maxsize=1000)
def coloured(text: str, tone: str) -> SafeString:
    """Render a coloured label; there are few, and a page shows many."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": tone})
