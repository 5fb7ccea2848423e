"""The run list, and the doors to everything else about runs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import coloured
from jobs.admin import actions, pages, starting
from jobs.admin.filters import DryRunFilter, JobFilter, StartDayFilter
from jobs.admin.permissions import may_start_anything
from jobs.admin.words import RUN_TONES, describe_duration, describe_params
from jobs.models import JobRun


@admin.register(JobRun)
class JobRunAdmin(ModelAdmin):
    """Runs, the newest first; nobody adds, changes or deletes one by hand."""

    list_display = ("run", "state", "progress", "asked", "started", "took", "by")
    list_display_links = ("run",)
    list_filter = (
        JobFilter,
        ("status", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        DryRunFilter,
        StartDayFilter,
    )
    list_filter_submit = True
    list_select_related = ("actor",)
    list_per_page = 50
    list_fullwidth = True
    ordering = ("-id",)
    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "jobs/run_list.html"
    list_after_template = "jobs/run_list_refresh.html"  # type: ignore[assignment]  # None is only its default

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes the ledger by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:
        """Nobody changes the ledger by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:
        """Nobody deletes from the ledger."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the doors of a run and of starting a job."""
        own = [
            path("start/", self._door(starting.list_page), name="jobs_jobrun_start"),
            path("start/<slug:name>/", self._door(starting.form_page), name="jobs_jobrun_start_job"),
            path("<int:run_id>/progress/", self._door(pages.progress), name="jobs_jobrun_progress"),
            path("<int:run_id>/rerun/<slug:mode>/", self._door(actions.rerun_page), name="jobs_jobrun_rerun"),
            path("<int:run_id>/cancel/", self._door(actions.cancel_page), name="jobs_jobrun_cancel"),
        ]
        return own + super().get_urls()

    def _door(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return self.admin_site.admin_view(partial(view, self))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, refreshing itself while anything runs, with a button for those who may start something."""
        context = {
            "may_start": may_start_anything(request),
            "refreshes": JobRun.objects.filter(status__in=JobRun.ACTIVE).exists(),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a run."""
        return pages.run_page(self, request, object_id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobRun]:
        """Leave out what the list does not show."""
        queryset: QuerySet[JobRun] = super().get_queryset(request)
        return queryset.defer("summary")

    @display(description="Run", ordering="id")
    def run(self, run: JobRun) -> str:
        """Name the run, marked where it is a dry one."""
        return render_to_string("jobs/run_name.html", {"run": run})

    @display(description="State", ordering="status")
    def state(self, run: JobRun) -> SafeString:
        """Show the state as a coloured label."""
        return coloured(run.get_status_display(), RUN_TONES.get(run.status, ""))

    @display(description="Progress")
    def progress(self, run: JobRun) -> str:
        """Show how far it is and what became of its items."""
        return render_to_string("jobs/progress_cell.html", {"run": run})

    @display(description="Parameters")
    def asked(self, run: JobRun) -> str:
        """Say what was asked."""
        return " · ".join(describe_params(run)) or "-"

    @display(description="Started (UTC)", ordering="created_at")
    def started(self, run: JobRun) -> str:
        """Tell when."""
        return f"{run.started_at or run.created_at:%Y-%m-%d %H:%M}"

    @display(description="Took")
    def took(self, run: JobRun) -> str:
        """Tell how long."""
        return describe_duration(run.duration)

    @display(description="By", ordering="trigger")
    def by(self, run: JobRun) -> str:
        """Tell what or who started it."""
        return f"{run.get_trigger_display()}: {run.actor}" if run.actor else run.get_trigger_display()
