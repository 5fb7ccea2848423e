"""How a creator is connected is told to the event log, each time that it changes."""

import pytest

from analytics.models import Event
from onlyfans.models import CreatorAccount
from onlyfans.services.connecting import note_connected, note_expired, renew_credentials
from tests.factories.billing import make_creator, make_organization

pytestmark = pytest.mark.django_db


def test_each_change_is_an_event_and_no_change_is_none() -> None:
    creator = make_creator(make_organization())
    note_connected(creator)
    note_connected(creator)
    note_expired(creator, "The session has ended.")
    renew_credentials(creator, {"token": "token-2"})
    creator.save()
    note_connected(creator)
    events = list(Event.objects.order_by("occurred_at", "id"))
    assert [event.name for event in events] == ["creator.connected", "creator.expired", "creator.connected"]
    for event in events:
        assert (event.organization_id, event.creator) == (creator.organization_id, creator.onlyfans_user_id)
        assert (event.provider, event.source) == ("onlyfans", "onlyfans")
    assert [event.properties for event in events] == [{}, {"reason": "The session has ended."}, {}]
    assert "token-2" not in str(list(Event.objects.values()))


def test_who_comes_too_late_to_change_it_tells_nothing() -> None:
    creator = make_creator(make_organization())
    stale = CreatorAccount.objects.get(pk=creator.pk)
    note_connected(creator)
    note_expired(stale, "It was refused a while ago.")
    assert [event.name for event in Event.objects.all()] == ["creator.connected"]
