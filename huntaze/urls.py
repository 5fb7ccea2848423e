"""Addresses."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from common.api.views import NoSuchAddress
from huntaze.api import DocsView, SchemaView

api: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    path("", include("accounts.urls")),
    path("", include("analytics.urls")),
    path("", include("billing.urls")),
    path("", include("jobs.urls")),
    path("", include("onlyfans.urls")),
    # Last: whatever no app took. It also keeps APPEND_SLASH from redirecting callers that follow no redirects.
    re_path("", NoSuchAddress.as_view()),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/", include(api)),
    path("api", NoSuchAddress.as_view()),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
handler400 = "huntaze.api.answer_malformed"
handler500 = "huntaze.api.answer_failed"
handler403 = "huntaze.admin_site.refuse"
