"""An event of Stripe's that can never be worked off is dismissed with a reason: nobody is asked about it again."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from billing.checks import find_failed_events
from billing.models import StripeEvent
from billing.services.events import process_events, requeue_events
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
EVENTS = "/admin/billing/stripeevent/"
REASON = "Of an account that is gone"


def make_event(status: str = "dead", error: str = "It names nothing.") -> StripeEvent:
    """Keep an event that came to this."""
    number = StripeEvent.objects.count()
    return StripeEvent.objects.create(
        event_id=f"evt_{number}",
        type="invoice.paid",
        created_at=dt.datetime(2026, 8, 1, tzinfo=dt.UTC),
        source="webhook",
        status=status,
        error=error,
        body={},
    )


def press(client: Client, event: StripeEvent, verb: str = "dismiss", reason: str = REASON) -> int:
    return client.post(reverse(f"admin:billing_stripeevent_{verb}", args=[event.pk]), {"reason": reason}).status_code


def states() -> list[tuple[str, str, str]]:
    return list(StripeEvent.objects.order_by("pk").values_list("status", "error", "dismissed_reason"))


def test_a_dismissed_event_is_no_finding_and_keeps_its_error_and_the_reason() -> None:
    event, other = make_event(), make_event()
    assert [finding.count for finding in find_failed_events()] == [2]
    client = log_in("Finance")
    assert press(client, event, reason="") == 200
    assert press(client, event) == 302
    assert states() == [("dismissed", "It names nothing.", REASON), ("dead", "It names nothing.", "")]
    entry = AuditEntry.objects.get(verb="dismiss")
    assert (entry.object_id, entry.reason) == (str(event.pk), REASON)
    assert (entry.before, entry.after) == ({"status": "Failed"}, {"status": "Dismissed"})
    page = client.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert f"Dismissed: {REASON}" in page
    assert reverse("admin:billing_stripeevent_restore", args=[event.pk]) in page
    assert press(client, other) == 302
    assert list(find_failed_events()) == []
    listed = client.get(EVENTS).content.decode()
    assert (listed.count(f"Dismissed: {REASON}"), listed.count("It names nothing.")) == (2, 0)


def test_it_is_brought_back_as_it_was() -> None:
    event = make_event()
    client = log_in("Operations")
    press(client, event)
    assert press(client, event, "restore", "It was needed") == 302
    assert states() == [("dead", "It names nothing.", "")]
    assert [finding.count for finding in find_failed_events()] == [1]


def test_processed_again_it_is_an_event_like_any_other() -> None:
    event = make_event()
    press(log_in("Finance"), event)
    requeue_events([event.pk])
    process_events([event.pk])
    ((status, error, note),) = states()
    assert (status, note) == ("dead", "")
    assert error.startswith("The event does not say of its invoice")


@pytest.mark.parametrize("status", ["waiting", "working", "done", "ignored"])
def test_only_what_failed_is_dismissed(status: str) -> None:
    event, failed = make_event(status, ""), make_event()
    client = log_in("Finance")
    assert (
        reverse("admin:billing_stripeevent_dismiss", args=[event.pk])
        not in client.get(f"{EVENTS}{event.pk}/change/").content.decode()
    )
    ticked = {"action": "dismiss_selected", "_selected_action": [event.pk, failed.pk]}
    assert "Of an account" not in client.post(EVENTS, ticked).content.decode()
    assert [row[0] for row in states()] == [status, "dead"]
    assert client.post(EVENTS, {**ticked, "reason": REASON}).status_code == 302
    assert [row[0] for row in states()] == [status, "dismissed"]


def test_a_reason_of_the_longest_is_kept_whole() -> None:
    event, reason = make_event(), "r" * 500
    press(log_in("Finance"), event, reason=reason)
    assert states() == [("dismissed", "It names nothing.", reason)]
    assert AuditEntry.objects.get(verb="dismiss").reason == reason


@pytest.mark.parametrize("group", ["Support", "Read only"])
def test_others_may_not(group: str) -> None:
    event = make_event()
    client = log_in(group)
    page = client.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert reverse("admin:billing_stripeevent_dismiss", args=[event.pk]) not in page
    assert press(client, event) == 403
    client.post(EVENTS, {"action": "dismiss_selected", "_selected_action": [event.pk], "reason": REASON})
    assert [row[0] for row in states()] == ["dead"]
    assert not AuditEntry.objects.filter(verb="dismiss").exists()
