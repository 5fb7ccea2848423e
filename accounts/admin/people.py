"""Organizations, users and groups."""

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin import log_ins
from accounts.models import Organization, User
from accounts.panels import list_panels
from accounts.roles import is_declared
from accounts.services.second_step import has_second_step

if TYPE_CHECKING:
    _UserAdmin = DjangoUserAdmin[User]
    _UserForm = forms.ModelForm[User]
else:
    _UserAdmin, _UserForm = DjangoUserAdmin, forms.ModelForm

admin.site.unregister(Group)
# Tokens are nobody's to look at; deactivating somebody or setting a new password ends all of theirs.
admin.site.unregister(OutstandingToken)
admin.site.unregister(BlacklistedToken)


class PanelledAdmin(ModelAdmin):
    """A page below whose form stand the panels that higher apps add."""

    change_form_outer_after_template = "accounts/panels.html"  # type: ignore[assignment]  # None is only its default

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form and the panels."""
        thing = self.get_object(request, object_id)
        shown = thing is not None and self.has_view_permission(request, thing)
        panels = list_panels(request, thing) if thing is not None and shown else []
        return super().change_view(request, object_id, form_url, {"panels": panels, **(extra_context or {})})


@admin.register(Organization)
class OrganizationAdmin(PanelledAdmin):
    """Customers; one that has left is closed, never deleted."""

    list_display = ("name", "id", "state", "currency", "email", "since")
    list_filter = (("status", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_per_page = 50
    search_fields = ("name", "id", "email")
    search_help_text = "Name, id or e-mail address"
    ordering = ("name", "id")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields = ("id", "name", "email", "status", "currency", "created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        """Let the id be chosen once, for it is what other systems call the organization."""
        return ("id", "created_at", "updated_at") if obj else ("created_at", "updated_at")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Organization | None:
        """Find an organization by its id, as it is or as the admin quotes it, which takes `_23` for a `#`."""
        found: Organization | None = super().get_object(request, object_id, from_field)
        return found or super().get_object(request, _as_in_id(object_id), from_field)

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        """Organizations are closed instead."""
        return False

    @display(description="Status", label={"Active": "success", "Suspended": "warning", "Closed": ""}, ordering="status")
    def state(self, organization: Organization) -> str:
        """Show the status as a coloured label."""
        return organization.get_status_display()

    @display(description="Since", ordering="created_at")
    def since(self, organization: Organization) -> str:
        """Tell the day on which it came."""
        return f"{organization.created_at:%Y-%m-%d}"


def _as_in_id(text: str) -> str:
    """Write what no id holds as the admin quotes it."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"_{ord(found.group()):02X}", text)


class NewUserForm(UserCreationForm):
    """An e-mail address and a password, or none for somebody who may not log in by one."""

    class Meta:
        model = User
        fields = ("email", "name")


@admin.register(User)
class UserAdmin(_UserAdmin, ModelAdmin):
    """Who logs in. Only superusers say what others may do."""

    form = _UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "organization", "role", "is_staff", "is_active", "last_login")
    list_filter = ("role", "is_staff", "is_active", "groups")
    list_select_related = ("organization",)
    search_fields = ("email", "name")
    ordering = ("email",)
    autocomplete_fields = ("organization",)
    readonly_fields = (
        *("password_state", "password_link", "second_step", "second_step_link", "sessions_link"),
        *("last_login", "date_joined"),
    )
    fieldsets = (
        (None, {"fields": ("email", "name", "organization", "role")}),
        (
            "Logging in",
            {"fields": (("password_state", "password_link"), ("second_step", "second_step_link"), "sessions_link")},
        ),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (  # type: ignore[assignment]  # the theme's default is empty
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2", "is_staff", "groups")}),
    )

    def get_urls(self) -> list[Any]:
        """Add the doors of somebody's log-in."""
        own = [
            path(f"<int:user_id>/{at}/", self.admin_site.admin_view(partial(view, self)), name=f"accounts_user_{name}")
            for at, name, view in (
                ("reset-second-step", "reset", log_ins.reset_page),
                ("log-out-everywhere", "log_out", log_ins.log_out_page),
            )
        ]
        return [*own, *super().get_urls()]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Offer the groups as boxes to tick: there are few."""
        if db_field.name == "groups":
            options["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **options)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Let nobody but a superuser hand out rights, least of all to themselves."""
        rights = () if request.user.is_superuser else ("role", "is_staff", "is_superuser", "groups")
        return (*self.readonly_fields, *rights)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let nobody but a superuser touch a superuser, whose password would be a way up."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Offer a new password to nobody who may only look."""
        fieldsets = super().get_fieldsets(request, obj)
        if not isinstance(obj, User) or self.has_change_permission(request, obj):
            return fieldsets
        log_in = ("Logging in", {"fields": ("password_state", "second_step")})
        return [fieldsets[0], log_in, *fieldsets[2:]]

    @display(description="Password")
    def password_state(self, user: User) -> str:
        """Return whether there is one, never its hash."""
        return "Set" if user.has_usable_password() else "None: nobody logs in by one"

    @display(description="")
    def password_link(self, user: User) -> SafeString:
        """Lead to where a new one is set."""
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a class="hz-link" href="{}">Set a new password</a>', address)

    @display(description="Second step")
    def second_step(self, user: User) -> str:
        """Return whether there is one, and how many recovery codes are left."""
        return log_ins.describe_second_step(user)

    @display(description="")
    def second_step_link(self, user: User) -> SafeString | str:
        """Lead to where it is reset."""
        if not has_second_step(user):
            return ""
        address = reverse("admin:accounts_user_reset", args=[user.pk])
        return format_html('<a class="hz-link" href="{}">Reset: the phone is lost</a>', address)

    @display(description="Sessions")
    def sessions_link(self, user: User) -> SafeString:
        """Lead to where they are ended."""
        address = reverse("admin:accounts_user_log_out", args=[user.pk])
        return format_html('<a class="hz-link" href="{}">Log out everywhere</a>', address)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Users are switched off instead: the ledger names them."""
        return False


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """What each kind of staff may do. The permissions of declared roles are read, not changed: `migrate` sets them."""

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        """Fix what the code declares."""
        return ("name", "role") if obj and is_declared(obj.name) else ()

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        """Show a declared role's permissions as text."""
        return ("name", "role") if obj and is_declared(obj.name) else ("name", "permissions")

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Keep declared roles: the next `migrate` would make them again, without anybody in them."""
        return not (obj and is_declared(obj.name)) and bool(super().has_delete_permission(request, obj))

    @display(description="Permissions")
    def role(self, group: Group) -> SafeString:
        """List what a declared role may do besides seeing."""
        granted = group.permissions.exclude(codename__startswith="view_").order_by("content_type__app_label", "name")
        note = "Huntaze sets this role's permissions. Create another group for anything else."
        lines = format_html_join("", "<li>{}</li>", ((one.name,) for one in granted.select_related("content_type")))
        return format_html("<p>{}</p><ul>{}</ul>", note, lines)
