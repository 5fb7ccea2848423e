"""Billing's doors for machines and front ends."""

from billing.api.commission import CommissionView
from billing.api.events import EventBridgeView, WebhookView

__all__ = ["CommissionView", "EventBridgeView", "WebhookView"]
