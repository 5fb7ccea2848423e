"""Every admin audited."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms.models import _get_foreign_key
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import User
from accounts.services.auditing import CHANGED, hide, read_values, record_action, record_nothing
from common.encryption import EncryptedJSONField

if TYPE_CHECKING:
    _ModelAdmin = ModelAdmin[Any]
else:
    _ModelAdmin = object

_VIEW = "accounts.view_auditentry"


class AuditedAdmin(_ModelAdmin):
    """Writes our entries where Django would write its own, which tell neither before nor after nor from where.

    `audited_as` gives columns that are no field of the form the names by which staff know them.
    """

    audited_as: Mapping[str, str]

    @property
    def _names(self) -> Mapping[str, str]:
        names: Mapping[str, str] = getattr(self, "audited_as", {})
        return names

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Read the row as it is, under its lock, before it is written."""
        if change:
            _remember(request, obj, self._read_state(request, obj, locked=True))
        super().save_model(request, obj, form, change)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Note which fields were shown, and which were sent, for what is changed by a form of its own."""
        request.__dict__["audited_form"] = set(form.fields)
        request.__dict__["audited_fields"] = list(form.changed_data)
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # no LogEntry
        """Write what was added, without what no form shows."""
        shown: Collection[str] = request.__dict__.get("audited_form", ())
        columns = {field.name for field in obj._meta.concrete_fields if not isinstance(field, EncryptedJSONField)}
        unseen = columns.difference(shown, self._names) if shown else set()
        state = self._read_state(request, obj, without=unseen)
        record_action("add", obj, actor=_actor(request), after=state)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # no LogEntry
        """Write what was changed; nothing where a form was sent as it was."""
        before = _recall(request, obj)
        if before is None:
            sent = dict.fromkeys(request.__dict__.get("audited_fields", ()), CHANGED)
            if sent:
                record_action("change", obj, actor=_actor(request), after=sent)
            return
        after = self._read_state(request, obj)
        if before == after:
            record_nothing()
        else:
            record_action("change", obj, actor=_actor(request), before=before, after=after)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:  # type: ignore[override]  # no LogEntry
        """Write what is about to be deleted."""
        for thing in queryset:
            record_action("delete", thing, actor=_actor(request), before=self._read_state(request, thing))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the audit entries of the object."""
        if not self.has_view_or_change_permission(request) or not request.user.has_perm(_VIEW):
            raise PermissionDenied
        return redirect(audit_address(self.model._meta.label_lower, unquote(object_id)))

    def _read_state(
        self, request: HttpRequest, thing: Any, *, locked: bool = False, without: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return a thing's row, its groups and the like, and the rows that are edited on its page."""
        kind = type(thing)
        rows = kind._base_manager.filter(pk=thing.pk)
        row = (rows.select_for_update() if locked else rows).first()
        if row is None:
            return {}
        values = hide(read_values(row), kind)
        state = {self._names.get(name, name): value for name, value in values.items() if name not in without}
        for field in kind._meta.many_to_many:
            state[field.name] = sorted(str(other) for other in getattr(row, field.name).all())
        for inline in self.get_inline_instances(request, thing):
            key = _get_foreign_key(kind, inline.model, inline.fk_name)
            if key is not None:
                children = inline.model._base_manager.filter(**{key.name: thing}).order_by("pk")
                plural = str(inline.model._meta.verbose_name_plural)
                state[plural] = [_describe_child(child, key.name) for child in children]
        return state


def audit_address(object_type: str, object_id: object) -> str:
    """Return where the audit entries of an object are listed."""
    query = urlencode({"object_type": object_type, "object_id": object_id})
    return f"{reverse('admin:accounts_auditentry_changelist')}?{query}"


def _describe_child(child: Model, parent: str) -> dict[str, Any]:
    values = hide(read_values(child), type(child))
    return {name: value for name, value in values.items() if name not in {"id", parent}}


def _remember(request: HttpRequest, thing: Any, state: dict[str, Any]) -> None:
    request.__dict__.setdefault("audited_states", {})[type(thing), thing.pk] = state


def _recall(request: HttpRequest, thing: Any) -> dict[str, Any] | None:
    states: dict[Any, dict[str, Any]] = request.__dict__.get("audited_states", {})
    return states.pop((type(thing), thing.pk), None)


def _actor(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
