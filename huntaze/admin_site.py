"""The admin site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.sites import UnfoldAdminSite


class HuntazeAdminSite(UnfoldAdminSite):
    """The back office: where staff watch, explain, rerun and correct."""

    index_title = "Today"
    enable_nav_sidebar = True


def refuse(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say within the admin, with a way back, that somebody may not do something."""
    context = {**admin.site.each_context(request), "title": "Not allowed"}
    return render(request, "admin/refusal.html", context, status=403)
