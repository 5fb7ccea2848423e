"""What other apps tell analytics: where snapshots and revenue come from, and what dashboards show beside its own."""

from analytics.registry.cards import (
    Card,
    Cell,
    Chart,
    Column,
    Content,
    Part,
    Scope,
    Series,
    card,
    find_card,
    list_cards,
)
from analytics.registry.revenue import RevenueSource, find_revenue_source, list_revenue_sources, revenue_source
from analytics.registry.snapshots import (
    CreatorName,
    Metric,
    Reading,
    SnapshotSource,
    find_metric,
    find_source,
    list_sources,
    snapshot_source,
)

__all__ = [
    "Card",
    "Cell",
    "Chart",
    "Column",
    "Content",
    "CreatorName",
    "Metric",
    "Part",
    "Reading",
    "RevenueSource",
    "Scope",
    "Series",
    "SnapshotSource",
    "card",
    "find_card",
    "find_metric",
    "find_revenue_source",
    "find_source",
    "list_cards",
    "list_revenue_sources",
    "list_sources",
    "revenue_source",
    "snapshot_source",
]
