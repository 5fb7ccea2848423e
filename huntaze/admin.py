"""What is brought in from the former system: how far each table is, and what was refused."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin import PanelledAdmin
from accounts.admin.pages import find, require
from accounts.models import User
from accounts.panels import Cell, Panel, add_panel
from accounts.services.auditing import record_action
from common.errors import Misconfigured
from common.importing import find_importer
from huntaze.importing.rejects import count_reject_rows, write_rejects
from huntaze.importing.running import COUNTS
from huntaze.models import ImportReject, ImportSegment, TableImport

_VIEW = "huntaze.view_importreject"
_LONGEST_POSITION = 120


class _Shown(ModelAdmin):
    """A list and a page that show and never change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one by hand."""
        return False


def _count(name: str) -> Any:
    @display(description=name.capitalize())
    def show(table_import: TableImport) -> str:
        return f"{getattr(table_import, f'sum_{name}'):,}"

    return show


@admin.register(TableImport)
class TableImportAdmin(_Shown, PanelledAdmin):
    """The former system's tables, and how far each is brought in."""

    list_display = ("name", "state", *map(_count, COUNTS), "position", "finished")
    list_fullwidth = True
    list_per_page = 50
    ordering = ("name",)
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields = ("name", "state", "counts", "about", "segments", "begun", "finished", "by_run", "what_next")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[TableImport]:
        """Sum the segments up."""
        queryset: QuerySet[TableImport] = super().get_queryset(request)
        sums = {f"sum_{name}": Sum(f"parts__{name}", default=0) for name in COUNTS}
        return queryset.annotate(**sums, through=Count("parts", filter=Q(parts__is_done=True)))

    def get_urls(self) -> list[URLPattern]:
        """Add the list of what was refused, as a file."""
        view = self.admin_site.admin_view(self.export_rejects)
        return [path("<int:pk>/rejects.csv", view, name="huntaze_tableimport_rejects"), *super().get_urls()]

    def export_rejects(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """Hand out the refused records of a table."""
        actor: User = require(request, "huntaze.view_tableimport", _VIEW)
        table_import = find(TableImport, pk)
        told = {"file": "CSV", "rows": count_reject_rows(table_import)}
        record_action("export", table_import, actor=actor, after=told)
        headers = {"Content-Disposition": f'attachment; filename="{table_import.name}-rejects.csv"'}
        return StreamingHttpResponse(
            write_rejects(table_import), content_type="text/csv; charset=utf-8", headers=headers
        )

    @display(description="State", label={"Finished": "success", "Under way": "info"})
    def state(self, table_import: TableImport) -> str:
        """Show whether it is through."""
        return "Finished" if table_import.finished_at else "Under way"

    @display(description="Records")
    def counts(self, table_import: TableImport) -> str:
        """Say what became of the records."""
        return ", ".join(f"{getattr(table_import, f'sum_{name}'):,} {name}" for name in COUNTS)

    @display(description="Records, about")
    def about(self, table_import: TableImport) -> str:
        """Tell how many records there are, as DynamoDB counts them."""
        return "-" if table_import.estimate is None else f"{table_import.estimate:,}"

    @display(description="Position")
    def position(self, table_import: TableImport) -> str:
        """Tell how many segments are through; its page tells where each stands."""
        return f"{getattr(table_import, 'through', 0)} of {table_import.segments} through"

    @display(description="Begun (UTC)")
    def begun(self, table_import: TableImport) -> str:
        """Tell when it was begun."""
        return f"{table_import.started_at:%Y-%m-%d %H:%M}"

    @display(description="Finished (UTC)")
    def finished(self, table_import: TableImport) -> str:
        """Tell when it was through."""
        return f"{table_import.finished_at:%Y-%m-%d %H:%M}" if table_import.finished_at else "-"

    @display(description="Run")
    def by_run(self, table_import: TableImport) -> SafeString | str:
        """Lead to the run that did it last."""
        if not table_import.run_id:
            return "-"
        address = reverse("admin:jobs_jobrun_change", args=[table_import.run_id])
        return format_html('<a class="hz-link" href="{}">#{}</a>', address, table_import.run_id)

    @display(description="What next")
    def what_next(self, table_import: TableImport) -> str:
        """Say what somebody can do about it."""
        if not table_import.finished_at:
            return "Start the job “Former tables import” for the table again: it goes on where it stands."
        if find_importer(table_import.table) is None:
            return "Nobody takes this table in yet: its records are kept, encrypted, until an app does."
        return "Import again whenever records have changed: what is here stays as it is."


@admin.register(ImportReject)
class ImportRejectAdmin(_Shown):
    """Records that could not be taken in, and why."""

    list_display = ("key_shown", "table", "why", "refused")
    list_filter = (("table_import", RelatedDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("table_import",)
    list_per_page = 50
    search_fields = ("=key",)
    search_help_text = "The record's key"
    ordering = ("-id",)
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields = ("key_shown", "table", "why", "refused")
    readonly_fields = fields

    @display(description="Key")
    def key_shown(self, reject: ImportReject) -> str:
        """Show the record's key."""
        return format_html('<span class="hz-key">{}</span>', reject.key)

    @display(description="Table")
    def table(self, reject: ImportReject) -> SafeString:
        """Lead to the table."""
        address = reverse("admin:huntaze_tableimport_change", args=[reject.table_import_id])
        return format_html('<a class="hz-link" href="{}">{}</a>', address, reject.table_import)

    @display(description="Why")
    def why(self, reject: ImportReject) -> str:
        """Say what is wrong, by attribute."""
        return format_html_join("", '<span class="block">{}: {}</span>', reject.reasons.items())

    @display(description="Refused (UTC)")
    def refused(self, reject: ImportReject) -> str:
        """Tell when it was refused last."""
        return f"{reject.rejected_at:%Y-%m-%d %H:%M}"


def segments_panel(request: HttpRequest, table_import: TableImport) -> Panel:
    """List a table's segments and where each stands."""
    headers: list[str | Cell] = ["Segment", *(Cell(name.capitalize(), numeric=True) for name in COUNTS), "Position"]
    return Panel("Segments", headers, [_row(part) for part in table_import.parts.order_by("number")])


def _row(part: ImportSegment) -> tuple[Cell | str, ...]:
    counts = (Cell(f"{getattr(part, name):,}", numeric=True) for name in COUNTS)
    position = "At the end" if part.is_done else _show_position(part)
    return (f"{part.number + 1}", *counts, position)


def _show_position(part: ImportSegment) -> str:
    try:
        position = part.position
    except Misconfigured as error:
        return error.message
    if not position:
        return "At the beginning"
    values = ", ".join(str(next(iter(typed.values()))) for typed in position.values())
    return f"After {values[:_LONGEST_POSITION]}"


def rejects_panel(request: HttpRequest, table_import: TableImport) -> Panel | None:
    """List the last refused records, and lead to all of them."""
    if not request.user.has_perm(_VIEW):
        return None
    rows = [
        (reject.key, " ".join(f"{name}: {said}" for name, said in reject.reasons.items()))
        for reject in table_import.rejects.order_by("-id")[:10]
    ]
    address = reverse("admin:huntaze_tableimport_rejects", args=[table_import.pk])
    return Panel(
        "Refused",
        headers=("Key", "Why"),
        rows=rows,
        empty="Nothing was refused.",
        note="The last ten are shown; “Rejected records” lists them all." if len(rows) == 10 else "",
        action=("Export as CSV", address) if rows else None,
    )


add_panel(TableImport, segments_panel)
add_panel(TableImport, rejects_panel)
