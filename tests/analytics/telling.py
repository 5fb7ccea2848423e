"""Front ends that tell of events."""

import datetime as dt
import json
from typing import Any

from django.test import Client

from accounts.models import User
from accounts.services.tokens import issue_tokens
from analytics.models import Event
from common.clock import iso, now

ADDRESS = "/api/analytics/events"
JUST_NOW = iso(now() - dt.timedelta(minutes=1))


def event(**values: Any) -> dict[str, Any]:
    """Make an event that fits."""
    return {"name": "message.opened", "occurredAt": JUST_NOW, "idempotencyKey": "1", **values}


def tell(caller: User | None, *events: Any, **more: Any) -> tuple[int, dict[str, Any]]:
    """Send events, and return what is answered."""
    headers = {"authorization": f"Bearer {issue_tokens(caller).access}"} if caller else {}
    body = json.dumps({"events": list(events), **more})
    answer = Client().post(ADDRESS, body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def refuse(caller: User, **values: Any) -> dict[str, list[str]]:
    """Tell of one event that is refused, and return why."""
    status, answer = tell(caller, event(**values))
    assert (status, answer["recorded"], answer["refused"]) == (200, 0, 1)
    assert not Event.objects.exists()
    fields: dict[str, list[str]] = answer["events"][0]["fields"]
    return fields
