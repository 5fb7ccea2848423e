"""Addresses of billing for machines, below `api/`."""

from django.urls import path

from billing.api import EventBridgeView, WebhookView

urlpatterns = [
    path("eventbridge/stripe", EventBridgeView.as_view(), name="eventbridge-stripe"),
    path("webhooks/stripe", WebhookView.as_view(), name="webhooks-stripe"),
]
