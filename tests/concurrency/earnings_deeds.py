"""What the driver's children do with earnings that wait for their creator."""

from typing import Any


def attach(spec: dict[str, Any]) -> None:
    """Take in what waits, as the sweep does, or `carelessly`."""
    from onlyfans.tasks import attach_earnings

    if spec.get("carelessly"):
        _attach_carelessly()
    else:
        attach_earnings()


def _attach_carelessly() -> None:
    """Take rows out and then take them in, as somebody in a hurry would: each a transaction of its own."""
    from common.clock import now
    from onlyfans.models import CreatorAccount, UnmatchedAggregate
    from onlyfans.services.ingesting import ingest_aggregates
    from onlyfans.services.ingesting.attaching import _read

    users = CreatorAccount.objects.values_list("onlyfans_user_id", flat=True)
    for one in UnmatchedAggregate.objects.filter(onlyfans_user_id__in=list(users)):
        row = _read(one)
        one.delete()
        ingest_aggregates([row], now())
