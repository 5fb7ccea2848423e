"""Items over all runs: what became of one key, time after time."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import coloured
from jobs.admin.permissions import require_view
from jobs.admin.words import ITEM_TONES
from jobs.models import JobItem


@admin.register(JobItem)
class JobItemAdmin(ModelAdmin):
    """Items, the newest first, found by their whole key; nobody adds, changes or deletes one by hand."""

    list_display = ("key", "state", "stands_at", "what_happened", "of_run", "ended")
    list_display_links = ("key",)
    list_select_related = ("run",)
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("key",)
    search_help_text = "The whole key, like org_abc123."
    ordering = ("-id",)
    sortable_by = ()
    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes the ledger by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: JobItem | None = None) -> bool:
        """Nobody changes the ledger by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobItem | None = None) -> bool:
        """Nobody deletes from the ledger."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobItem]:
        """Leave out what the list does not show."""
        queryset: QuerySet[JobItem] = super().get_queryset(request)
        return queryset.defer("steps", "run__summary", "run__params")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[JobItem], search_term: str
    ) -> tuple[QuerySet[JobItem], bool]:
        """Find a whole key: that is what the index knows."""
        term = search_term.strip().replace("\x00", "")
        return (queryset.filter(key=term) if term else queryset), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the item on its run's page."""
        require_view(request)
        item = self.get_object(request, object_id)
        if item is None:
            raise Http404(f"There is no item {object_id}.")
        return redirect(f"{reverse('admin:jobs_jobrun_change', args=[item.run_id])}?{urlencode({'q': item.key})}")

    @display(description="State")
    def state(self, item: JobItem) -> SafeString:
        """Show the state as a coloured label."""
        return coloured(item.get_status_display(), ITEM_TONES.get(item.status, ""))

    @display(description="Step")
    def stands_at(self, item: JobItem) -> str:
        """Tell where it waits, runs or failed."""
        return item.stands_at or "-"

    @display(description="What happened")
    def what_happened(self, item: JobItem) -> str:
        """Show the error, or what was noted."""
        return str(item.error or item.result.get("note") or "-")

    @display(description="Ended (UTC)")
    def ended(self, item: JobItem) -> str:
        """Tell when."""
        return f"{item.finished_at:%Y-%m-%d %H:%M}" if item.finished_at else "-"

    @display(description="Run")
    def of_run(self, item: JobItem) -> SafeString:
        """Lead to the run."""
        return format_html(
            '<a class="hz-link" href="{}">{}</a>', reverse("admin:jobs_jobrun_change", args=[item.run_id]), item.run
        )
