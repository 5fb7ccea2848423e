"""Rules: who is told what."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from alerts.forms import RuleForm
from alerts.models import Rule
from alerts.registry import get_title


@admin.register(Rule)
class RuleAdmin(ModelAdmin):
    """Rules."""

    form = RuleForm
    list_display = ("name", "tells_of", "at_least", "told", "quiet", "is_enabled")
    ordering = ("name",)
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "is_enabled", "channels")}),
        ("Of what", {"fields": ("kinds", "min_severity", "scopes", "outcomes", ("min_count", "min_minutes"))}),
        (
            "When",
            {
                "fields": (("quiet_from", "quiet_until"), "time_zone", "reminder_hours", "tells_recovery"),
                "description": "In quiet hours messages wait until they are over; what is critical does not.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        """Read the channels' names along."""
        queryset: QuerySet[Rule] = super().get_queryset(request)
        return queryset.prefetch_related("channels")

    @display(description="Tells of")
    def tells_of(self, rule: Rule) -> str:
        """Name the conditions and events."""
        return ", ".join(get_title(kind) for kind in rule.kinds) or "Every condition"

    @display(description="From")
    def at_least(self, rule: Rule) -> str:
        """Tell from which severity on."""
        return rule.get_min_severity_display()

    @display(description="To")
    def told(self, rule: Rule) -> str:
        """Name the channels."""
        return ", ".join(str(channel) for channel in rule.channels.all()) or "Nobody"

    @display(description="Quiet hours")
    def quiet(self, rule: Rule) -> str:
        """Tell when it is quiet."""
        if rule.quiet_from is None or rule.quiet_until is None:
            return "-"
        return f"{rule.quiet_from:%H:%M} to {rule.quiet_until:%H:%M}, {rule.time_zone}"
