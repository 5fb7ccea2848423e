"""Addresses of analytics, below `api/`."""

from django.urls import path

from analytics.api import EventsView

urlpatterns = [
    path("analytics/events", EventsView.as_view(), name="analytics-events"),
]
