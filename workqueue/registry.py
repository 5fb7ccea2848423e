"""All work queues, by name; each app registers its own when it is ready."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workqueue.services.queues import WorkQueue

_QUEUES: "dict[str, WorkQueue[Any]]" = {}


def register(queue: "WorkQueue[Any]") -> None:
    """Make a queue known. Raises ValueError where another has its name."""
    if _QUEUES.setdefault(queue.name, queue) is not queue:
        raise ValueError(f"There are two work queues named {queue.name}.")


def list_queues() -> "list[WorkQueue[Any]]":
    """List all queues by name."""
    return [_QUEUES[name] for name in sorted(_QUEUES)]


def find_queue(name: str) -> "WorkQueue[Any] | None":
    """Find a queue by its name; None where there is none."""
    return _QUEUES.get(name)
