"""Incidents: what is wrong now, first."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from alerts.models import Incident


@admin.register(Incident)
class IncidentAdmin(ModelAdmin):
    """Incidents; nobody adds or deletes one by hand."""

    list_display = ("title", "condition", "scope", "severity", "opened_at", "resolved_at")
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Conditions open them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Incident | None = None) -> bool:
        """Nobody changes one by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Incident | None = None) -> bool:
        """They are the record."""
        return False
