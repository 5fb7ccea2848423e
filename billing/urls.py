"""Addresses of billing for machines and front ends, below `api/`."""

from django.urls import path

from billing.api import CommissionView, EventBridgeView, WebhookView

urlpatterns = [
    path("billing/commission", CommissionView.as_view(), name="billing-commission"),
    path("eventbridge/stripe", EventBridgeView.as_view(), name="eventbridge-stripe"),
    path("webhooks/stripe", WebhookView.as_view(), name="webhooks-stripe"),
]
