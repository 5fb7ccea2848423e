"""Billing's doors for machines."""

from billing.api.events import EventBridgeView, WebhookView

__all__ = ["EventBridgeView", "WebhookView"]
