"""The admin site."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, cast

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.sites import UnfoldAdminSite


class HuntazeAdminSite(UnfoldAdminSite):
    """The back office: where staff watch, explain, rerun and correct."""

    index_title = "Today"
    enable_nav_sidebar = True

    def admin_view[View: Callable[..., Any]](self, view: View, cacheable: bool = False) -> View:
        """Let staff in alone, and to no address with a NUL, which the database takes in no text."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if "\0" in request.path or "%00" in request.META["QUERY_STRING"]:
                raise Http404("Nothing has such an address.")
            return view(request, *args, **kwargs)

        return super().admin_view(cast(View, update_wrapper(checked, view)), cacheable)


def refuse(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say within the admin, with a way back, that somebody may not do something."""
    context = {**admin.site.each_context(request), "title": "Not allowed"}
    return render(request, "admin/refusal.html", context, status=403)
