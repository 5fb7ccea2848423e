"""What the doors of billing share: pages within the admin, asking before doing, and lists that nobody edits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from accounts.admin.pages import AnyAdmin, render
from common.errors import WorkError
from jobs.services import InvalidParams


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
