"""Result files: what came, what became of it and why, and reading again what came to nothing."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import AnyAdmin, coloured, door, find, render, require
from accounts.forms import ReasonForm
from onlyfans.models import CreatorAccount, ResultFile
from onlyfans.services.results import retry_files
from workqueue.admin import DismissingAdmin

VIEW, RETRY = "onlyfans.view_resultfile", "onlyfans.retry_resultfile"
_MOST_AT_ONCE = 500
Status = ResultFile.Status
TONES: dict[str, str] = {
    Status.WAITING: "",
    Status.WORKING: "info",
    Status.DONE: "success",
    Status.REPLACED: "",
    Status.REJECTED: "danger",
    Status.DEAD: "danger",
    Status.DISMISSED: "",
}


@admin.register(ResultFile)
class ResultFileAdmin(DismissingAdmin):
    """Result files, the last that came first."""

    dismiss_about = (
        "Nobody is asked about it any more. It stays in the list, can be read again at any time, and a newer version "
        "of it is read as usual. Only rejected files and dead letters can be dismissed."
    )
    list_display = ("received", "job", "kind", "creator", "state", "attempts", "came_by", "what")
    list_display_links = ("received",)
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("door", ChoicesDropdownFilter),
    )
    list_filter_submit = True
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("job_id",)
    search_help_text = "Job, OnlyFans user id or key"
    ordering = ("-id",)
    sortable_by = ()
    actions = ("retry_selected", *DismissingAdmin.actions)
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_urls(self) -> list[URLPattern]:
        """Add the door of reading again."""
        name = "onlyfans_resultfile_retry"
        return [path("<int:file_id>/retry/", door(self, retry_page), name=name), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ResultFile]:
        """Leave long texts out of lists, and name the creators of those that are shown."""
        queryset: QuerySet[ResultFile] = super().get_queryset(request)
        creators = CreatorAccount.objects.filter(onlyfans_user_id=OuterRef("user_id"))
        named = queryset.annotate(
            creator_pk=Subquery(creators.values("pk")[:1]), creator_name=Subquery(creators.values("display_name")[:1])
        )
        return named.defer("message", "figures")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ResultFile], search_term: str
    ) -> tuple[QuerySet[ResultFile], bool]:
        """Search by what names a file, each by its index."""
        if text := search_term.strip():
            keys = ResultFile.objects.filter(bucket__in=_list_buckets(), key=text).values_list("pk", flat=True)
            # A list of a few, for a condition over several columns would go through all rows.
            ids = list(keys[:_MOST_AT_ONCE])
            queryset = queryset.filter(Q(job_id=text) | Q(user_id=text) | Q(pk__in=ids))
        return queryset, False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a file."""
        return file_page(self, request, object_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only what arrives is kept."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ResultFile | None = None) -> bool:
        """What arrived stays as it came."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ResultFile | None = None) -> bool:
        """And stays."""
        return False

    @display(description="Received (UTC)")
    def received(self, file: ResultFile) -> str:
        """Tell when it was told of."""
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{file.received_at:%Y-%m-%d %H:%M:%S}")

    @display(description="Job")
    def job(self, file: ResultFile) -> str:
        """Name the worker's job, which names the file."""
        name = "Unreadable notification" if file.is_notification else file.job_name
        return format_html('<span class="hz-key hz-clip-short" title="{}">{}</span>', file, name)

    @display(description="Creator")
    def creator(self, file: ResultFile) -> str:
        """Name the creator, where one is set up."""
        return format_html('<span class="hz-clip-short">{}</span>', _link_creator(file))

    @display(description="State")
    def state(self, file: ResultFile) -> str:
        """Show the status as a coloured label."""
        return coloured(file.state, _tone(file))

    @display(description="By")
    def came_by(self, file: ResultFile) -> str:
        """Tell by which door it came."""
        return file.get_door_display()

    @display(description="What came of it")
    def what(self, file: ResultFile) -> str:
        """Say what it brought, or why nothing."""
        if file.status == Status.DISMISSED:
            return format_html('<span class="hz-muted hz-clip">{}</span>', f"Dismissed: {file.dismissed_reason}")
        if wrong := file.wrong:
            return format_html('<span class="hz-bad hz-clip">{}</span>', wrong)
        return format_html('<span class="hz-muted hz-clip">{}</span>', "; ".join(describe(file.brought)) or "-")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Tell who may have files read again."""
        return request.user.has_perm(RETRY)

    @admin.action(description="Read selected again", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[ResultFile]) -> None:
        """Let those that came to nothing be read again."""
        actor = require(request, VIEW, RETRY)
        ids = list(queryset.order_by("id").values_list("pk", flat=True)[: _MOST_AT_ONCE + 1])
        if len(ids) > _MOST_AT_ONCE:
            messages.error(request, f"At most {_MOST_AT_ONCE} can be read again at once.")
            return
        _tell(request, retry_files(ids, actor=actor, reason="Ticked in the list"))


def _tone(file: ResultFile) -> str:
    return "warning" if file.is_tried_again else TONES.get(file.status, "")


def _list_buckets() -> list[str]:
    """List the buckets that files came from: few, each found by the index from the one before."""
    found: list[str] = []
    while following := ResultFile.objects.filter(bucket__gt=found[-1] if found else "").order_by("bucket").first():
        found.append(following.bucket)
    return found


def describe(brought: dict[str, Any]) -> Iterator[str]:
    """Say what was written because of a file."""
    for outcome, count in sorted(brought.get("aggregates", {}).items()):
        yield f"{count:,} {'month' if count == 1 else 'months'} {outcome}"
    for name in ("events", "figures"):
        if count := brought.get(name):
            yield f"{count:,} {name.removesuffix('s') if count == 1 else name}"
    if note := brought.get("note"):
        yield str(note)


def _link_creator(file: ResultFile) -> str:
    key, name = getattr(file, "creator_pk", None), getattr(file, "creator_name", None)
    if key is None:
        return format_html('<span class="hz-key hz-muted">{}</span>', file.user_id or "-")
    address = reverse("admin:onlyfans_creatoraccount_change", args=[key])
    return format_html('<a class="hz-link" href="{}">{}</a>', address, name)


def _tell(request: HttpRequest, count: int) -> None:
    if count:
        messages.success(request, "The file is read again." if count == 1 else f"{count:,} files are read again.")
    else:
        messages.warning(request, "None of them waits for a person: nothing was done.")


def file_page(admin: DismissingAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show a file, what became of it, and why."""
    require(request, VIEW)
    key = find(ResultFile, object_id).pk
    file: ResultFile = admin.get_queryset(request).defer(None).get(pk=key)
    can_be_read_again = file.status in (Status.DISMISSED, *ResultFile.LEFT) or file.is_tried_again
    may_retry = request.user.has_perm(RETRY) and can_be_read_again
    button_url, button_title = admin.find_button(request, file)
    query = urlencode({"q": file.user_id})
    context = {
        "file": file,
        "tone": _tone(file),
        "creator": _link_creator(file),
        "button_url": button_url,
        "button_title": button_title,
        "brought": list(describe(file.brought)),
        "retry_url": reverse("admin:onlyfans_resultfile_retry", args=[file.pk]) if may_retry else "",
        "earnings_url": f"{reverse('admin:onlyfans_earningsaggregate_changelist')}?{query}"
        if file.kind == ResultFile.Kind.EARNINGS and request.user.has_perm("onlyfans.view_earningsaggregate")
        else "",
        "figures": sorted((file.figures or {}).items()),
        "schema_url": reverse("ingest-schema", args=[file.kind, 1]) if file.kind else "",
    }
    return render(admin, request, "onlyfans/admin/result_file.html", str(file), context)


def retry_page(admin: AnyAdmin, request: HttpRequest, file_id: int) -> HttpResponse:
    """Ask why, then let a file be read again."""
    actor = require(request, VIEW, RETRY)
    file = find(ResultFile, file_id)
    back = reverse("admin:onlyfans_resultfile_change", args=[file.pk])
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        _tell(request, retry_files([file.pk], actor=actor, reason=form.cleaned_data["reason"]))
        return redirect(back)
    return render(admin, request, "onlyfans/admin/retry.html", "Read again", {"form": form, "file": file, "back": back})
