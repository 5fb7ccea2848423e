"""Addresses of ingestion for machines, below `api/`."""

from django.urls import path

from onlyfans.api import AggregatesView, ResultSchemaView, ResultsView

urlpatterns = [
    path("ingest/of-aggregates", AggregatesView.as_view(), name="ingest-aggregates"),
    path("ingest/of-results", ResultsView.as_view(), name="ingest-results"),
    path("ingest/schemas/<str:kind>/<int:version>", ResultSchemaView.as_view(), name="ingest-schema"),
]
