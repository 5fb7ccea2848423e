"""Addresses of the cron API, below `api/`."""

from django.urls import path

from jobs.api import CronView, RunView

urlpatterns = [
    path("cron/runs/<int:run_id>", RunView.as_view(), name="cron-run"),
    path("cron/<slug:name>", CronView.as_view(), name="cron"),
]
