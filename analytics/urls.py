"""Addresses of analytics, below `api/`."""

from django.urls import path

from analytics.api import EventsView, SnapshotsView

urlpatterns = [
    path("analytics/events", EventsView.as_view(), name="analytics-events"),
    path("analytics/snapshots", SnapshotsView.as_view(), name="analytics-snapshots"),
]
