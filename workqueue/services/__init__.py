"""Working rows off under a lease, and deciding by hand about those that came to nothing."""

from workqueue.services.bells import Bell
from workqueue.services.dismissals import dismiss, requeue, restore
from workqueue.services.queues import Outcome, WorkQueue

__all__ = ["Bell", "Outcome", "WorkQueue", "dismiss", "requeue", "restore"]
