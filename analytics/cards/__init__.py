"""The cards of analytics itself; what other apps show, they declare in their own `cards.py`."""

from analytics.cards import creators, fans, jumps, revenue, sources, summary

__all__ = ["creators", "fans", "jumps", "revenue", "sources", "summary"]
