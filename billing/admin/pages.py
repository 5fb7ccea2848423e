"""What the doors of billing share: pages within the admin, asking before doing, and lists that nobody edits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, Field, Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from accounts.models import User
from billing.forms import CentsField
from common.errors import WorkError
from jobs.services import InvalidParams

type AnyAdmin = DjangoModelAdmin[Any]


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


def in_cents(column: "Field[Any, Any]") -> dict[str, Any]:
    """Choose the form field of a column that holds cents: whole numbers, and nothing that could be read as such."""
    return {"form_class": CentsField} if isinstance(column, BigIntegerField) else {}


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
    if (
        text.isascii()
        and text.isdigit()
        and len(text) <= 18
        and (found := model._default_manager.filter(pk=text).first())
    ):
        return found
    raise Http404(f"There is no {model._meta.verbose_name} {text}.")


def render(
    admin: AnyAdmin, request: HttpRequest, template: str, title: str, context: dict[str, Any]
) -> TemplateResponse:
    """Render a page within the admin site."""
    request.current_app = admin.admin_site.name
    common = {**admin.admin_site.each_context(request), "opts": admin.model._meta, "title": title}
    return TemplateResponse(request, template, {**common, **context})


@dataclass(frozen=True)
class Question:
    """What is asked before something is done: `says` are sentences on what will follow."""

    title: str
    submit: str
    back: str
    says: Sequence[str] = ()
    is_grave: bool = False
    template: str = "billing/admin/confirm.html"
    context: dict[str, Any] = field(default_factory=dict)


def ask(
    admin: AnyAdmin,
    request: HttpRequest,
    question: Question,
    make_form: Callable[..., forms.Form],
    act: Callable[[Any], HttpResponse],
) -> HttpResponse:
    """Show a question with its form; do it once a valid form is sent, and say on the form what stood against it."""
    if request.method != "POST":
        form = make_form()
    else:
        form = make_form(data=request.POST)
        if form.is_valid():
            try:
                return act(form)
            except InvalidParams as error:
                _show(error, form)
            except WorkError as error:
                form.add_error(None, error.message)
    context = {"form": form, "question": question, **question.context}
    return render(admin, request, question.template, question.title, context)


def _show(error: InvalidParams, form: forms.Form) -> None:
    for name, text in error.errors.items():
        form.add_error(name if name in form.fields else None, text)
