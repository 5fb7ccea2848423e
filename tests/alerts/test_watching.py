"""The tick: what is found becomes one incident, with the messages in the same transaction, and ends with it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Incident, Notification
from alerts.registry import Finding
from alerts.services import tick
from alerts.services.ringing import QUEUE, SEND_TASK
from huntaze.celery import app
from tests.alerts.conftest import Trouble
from tests.factories.alerts import make_channel, make_rule

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str]]:
    """What the messages are, with how they stand, in the order in which they were written."""
    return list(Notification.objects.order_by("id").values_list("what", "status"))


def test_an_incident_opens_once_and_resolves(trouble: Trouble) -> None:
    make_rule(make_channel())
    trouble.arise("billing")
    tick()
    tick()
    incident = Incident.objects.get()
    assert (incident.condition, incident.scope, incident.severity) == ("broken", "billing", "error")
    assert (incident.title, incident.resolved_at, told()) == ("billing is broken", None, [("opened", "waiting")])
    Notification.objects.update(status="sent", attempts=1)
    trouble.end()
    tick()
    tick()
    incident.refresh_from_db()
    assert incident.resolved_at is not None
    assert told() == [("opened", "sent"), ("recovered", "waiting")]


def test_each_scope_has_an_incident_of_its_own(trouble: Trouble) -> None:
    trouble.arise("one", "two")
    tick()
    trouble.findings = [Finding("two", "two is broken still", count=7)]
    tick()
    rows = [(row.scope, row.title, row.count, row.is_open) for row in Incident.objects.order_by("scope")]
    assert rows == [("one", "one is broken", 1, False), ("two", "two is broken still", 7, True)]


def test_a_tick_costs_little(trouble: Trouble) -> None:
    """As many queries for fifty incidents as for one: what is open is looked at every twenty seconds."""
    make_rule(make_channel())
    trouble.arise("billing")
    tick()
    with CaptureQueriesContext(connection) as one:
        tick()
    trouble.arise("billing", *(f"job{number}" for number in range(50)))
    tick()
    tick()
    with CaptureQueriesContext(connection) as fifty:
        tick()
    assert len(fifty) == len(one)
    assert not any(query["sql"].startswith(("INSERT", "UPDATE")) for query in fifty)


def test_the_bell_is_a_task_on_the_queue_of_notifications() -> None:
    app.loader.import_default_modules()
    assert SEND_TASK in app.tasks
    assert QUEUE in {queue.name for queue in app.conf.task_queues}
