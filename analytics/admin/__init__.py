"""The staff's view of analytics; dashboards have addresses of the site's own."""

from analytics.admin.events import EventAdmin
from analytics.admin.snapshots import ProviderSnapshotAdmin

__all__ = ["EventAdmin", "ProviderSnapshotAdmin"]
