"""What is no longer kept is deleted, and nothing else."""

import datetime as dt

import pytest
from django.contrib.sessions.models import Session
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from alerts.models import Entry, Incident, Notification
from billing.models import StripeEvent, StripeRecord
from common.clock import now
from jobs.retention import Retention, list_retentions, register_retention
from jobs.services import forgetting
from tests.commandline import Manage, manage
from tests.factories.alerts import make_channel
from tests.factories.events import keep_event
from tests.factories.invoices import make_invoice
from tests.factories.staff import make_staff

__all__ = ["manage"]
pytestmark = pytest.mark.django_db
YEARS = dt.timedelta(days=401)


def delete(name: str) -> int:
    (retention,) = (one for one in list_retentions() if one.name == name)
    return forgetting.delete_expired(retention, now())


def test_expired_sessions_and_tokens_go() -> None:
    Session.objects.create(session_key="old", session_data="", expire_date=now() - dt.timedelta(minutes=1))
    Session.objects.create(session_key="new", session_data="", expire_date=now() + dt.timedelta(minutes=1))
    user = make_staff()
    old, new = RefreshToken.for_user(user), RefreshToken.for_user(user)
    old.blacklist()
    OutstandingToken.objects.filter(jti=old["jti"]).update(expires_at=now() - dt.timedelta(minutes=1))
    assert (delete("sessions"), delete("api-tokens")) == (1, 1)
    assert list(Session.objects.values_list("pk", flat=True)) == ["new"]
    assert list(OutstandingToken.objects.values_list("jti", flat=True)) == [new["jti"]]
    assert not BlacklistedToken.objects.exists()


def make_incident(scope: str, resolved_at: dt.datetime | None) -> Incident:
    incident = Incident.objects.create(
        condition="broken", scope=scope, severity="error", title=scope, resolved_at=resolved_at
    )
    Notification.objects.create(channel=make_channel(), incident=incident, what="opened", status="sent")
    Entry.objects.create(incident=incident, kind=Entry.Kind.values[0])
    return incident


def test_old_incidents_go_with_what_was_said_of_them_and_open_ones_stay() -> None:
    old, recent, still = (
        make_incident("old", now() - YEARS),
        make_incident("recent", now() - dt.timedelta(days=399)),
        make_incident("open", None),
    )
    Incident.objects.update(opened_at=now() - 2 * YEARS)
    assert delete("incidents") == 1
    left = set(Incident.objects.values_list("pk", flat=True))
    assert left == {recent.pk, still.pk} and old.pk not in left
    assert set(Notification.objects.values_list("incident", flat=True)) == left
    assert set(Entry.objects.values_list("incident", flat=True)) == left


def test_old_messages_about_events_go_once_they_have_ended() -> None:
    channel = make_channel()
    for status, age in (("sent", YEARS), ("waiting", YEARS), ("sent", dt.timedelta())):
        Notification.objects.create(channel=channel, what="event", status=status, created_at=now() - age)
    assert delete("event-messages") == 1
    assert list(Notification.objects.order_by("id").values_list("status", flat=True)) == ["waiting", "sent"]


def test_events_go_but_for_failed_ones_and_those_of_open_or_disputed_invoices() -> None:
    ended = {"finished_at": now() - YEARS}
    open_one, settled, disputed = make_invoice(), make_invoice(), make_invoice()
    for invoice in (settled, disputed):
        type(invoice).objects.filter(pk=invoice.pk).update(remaining_cents=0)
    StripeRecord.objects.create(invoice=disputed, stripe_invoice="in_1", dispute="under_review")
    keep_event(1, status="done", **ended)
    keep_event(2, status="done", finished_at=now())
    keep_event(3, status="dead", **ended)
    keep_event(4, status="done", invoice=open_one, **ended)
    keep_event(5, status="ignored", invoice=settled, **ended)
    keep_event(6, status="done", invoice=disputed, **ended)
    assert open_one.remaining_cents > 0
    assert delete("stripe-events") == 2
    assert [event.event_id[-1] for event in StripeEvent.objects.order_by("event_id")] == ["2", "3", "4", "6"]


def test_it_goes_on_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        Session.objects.create(session_key=str(number), session_data="", expire_date=now() - dt.timedelta(1))
    monkeypatch.setattr(forgetting, "_BATCH", 2)
    assert (delete("sessions"), Session.objects.count()) == (5, 0)


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two retentions named sessions"):
        register_retention(Retention("sessions", "Others", 1, "Because."))


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_counts_and_deletes_nothing(manage: Manage) -> None:
    Session.objects.create(session_key="old", session_data="", expire_date=now() - dt.timedelta(minutes=1))
    answer = manage("delete_expired", "sessions", "--dry-run")
    told = "sessions: Sessions of the admin, kept until they expire, 1 would be deleted. "
    assert (answer.status, answer.out.startswith(told), Session.objects.count()) == (0, True, 1)
    answer = manage("delete_expired")
    assert Session.objects.count() == 0
    lines = answer.out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [retention.name for retention in list_retentions()]
    assert "audit-trail: Audit trail. Kept for ever: who did what, when and why." in lines
    answer = manage("delete_expired", "dust")
    assert answer.status == 2 and "Nothing is kept under the name dust. There are: api-tokens," in answer.err
