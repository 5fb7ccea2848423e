"""What was sent by mistake is dismissed with a reason: nobody is asked about it again until it comes anew."""

import datetime as dt
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry
from onlyfans.checks import find_left_results, find_unmatched
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision, ResultFile, UnmatchedAggregate
from onlyfans.providers.notifications import StoredFile
from onlyfans.services.ingesting import attach_unmatched, ingest_call
from onlyfans.services.results import take_files
from tests.factories.billing import make_creator, make_organization
from tests.factories.earnings import NOW, make_row, take_in
from tests.factories.results import make_rejected, make_result
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
UNMATCHED, FILES = "/admin/onlyfans/unmatchedaggregate/", "/admin/onlyfans/resultfile/"
REASON = {"reason": "A test of the worker"}


def wait(*users: str) -> list[int]:
    """Let versions of these users wait for two days."""
    take_in(*(make_row(user) for user in users))
    UnmatchedAggregate.objects.update(recorded_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=2))
    return list(UnmatchedAggregate.objects.order_by("pk").values_list("pk", flat=True))


def dismiss(key: int, verb: str = "dismiss", model: str = "unmatchedaggregate", group: str = "Finance") -> None:
    address = reverse(f"admin:onlyfans_{model}_{verb}", args=[key])
    assert log_in(group).post(address, REASON).status_code == 302


def listed(client: Client, address: str) -> list[int]:
    found: Any = client.get(address).context["cl"].result_list
    return [row.pk for row in found]


def add_creator(user: str) -> CreatorAccount:
    return make_creator(make_organization(), onlyfans_user_id=user)


def test_dismissed_earnings_are_no_incident_and_listed_apart() -> None:
    stray, other = wait("of_stray", "of_other")
    dismiss(stray)
    (finding,) = find_unmatched()
    user = UnmatchedAggregate.objects.get(pk=other).onlyfans_user_id
    assert finding.title == f"Earnings of the OnlyFans user {user} have no creator"
    client = log_in("Read only")
    assert listed(client, UNMATCHED) == [other]
    assert listed(client, f"{UNMATCHED}?state=dismissed") == [stray]
    assert listed(client, f"{UNMATCHED}?state=all") == [other, stray]
    assert "A test of the worker" in client.get(f"{UNMATCHED}?state=dismissed").content.decode()
    assert "A test of the worker" in client.get(f"{UNMATCHED}{stray}/change/").content.decode()
    dismiss(other)
    assert list(find_unmatched()) == []
    entry = AuditEntry.objects.filter(verb="dismiss").earliest("pk")
    assert (entry.object_id, entry.reason, list(entry.after)) == (str(stray), REASON["reason"], ["dismissed_at"])


def test_a_creator_who_appears_gets_nothing_that_was_dismissed() -> None:
    stray, _ = wait("of_aurora", "of_other")
    take_in(make_row("of_aurora", cents=5))
    dismiss(stray)
    aurora = add_creator("of_aurora")
    assert attach_unmatched(NOW) == 1
    assert list(EarningsRevision.objects.values_list("parts", flat=True)) == [{"uncategorized": [5, 4]}]
    assert attach_unmatched(NOW) == 0
    dismiss(stray, "restore")
    assert attach_unmatched(NOW) == 1
    assert EarningsRevision.objects.filter(creator=aurora).count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_brought_back_goes_to_the_creator_who_came_meanwhile() -> None:
    stray, other = wait("of_aurora", "of_other")
    dismiss(stray)
    dismiss(other)
    aurora = add_creator("of_aurora")
    assert not EarningsAggregate.objects.exists()
    answer = log_in("Finance").post(f"{UNMATCHED}{stray}/restore/", REASON, follow=True)
    assert (answer.status_code, answer.redirect_chain) == (200, [(UNMATCHED, 302)])
    assert "1 was restored." in answer.content.decode()
    assert EarningsAggregate.objects.get().creator == aurora
    assert list(UnmatchedAggregate.objects.values_list("pk", flat=True)) == [other]


def test_creators_behind_those_with_dismissed_earnings_only_are_reached() -> None:
    """More of them than are locked at once."""
    rows = wait(*(f"of_{place}" for place in range(250)))
    UnmatchedAggregate.objects.filter(pk__in=rows[:-1]).update(dismissed_at=NOW)
    organization = make_organization()
    CreatorAccount.objects.bulk_create(
        CreatorAccount(organization=organization, onlyfans_user_id=f"of_{place}", display_name="x")
        for place in range(250)
    )
    assert attach_unmatched(NOW) == 1


def test_earnings_that_are_sent_again_wait_again() -> None:
    (stray,) = wait("of_stray")
    dismiss(stray)
    take_in(make_row("of_stray", received_at=NOW - dt.timedelta(seconds=1)))
    assert UnmatchedAggregate.objects.get().dismissed_at is not None
    take_in(make_row("of_stray", received_at=NOW + dt.timedelta(seconds=1)))
    found = UnmatchedAggregate.objects.get()
    assert (found.pk, found.dismissed_at, found.dismissed_reason) == (stray, None, "")
    assert len(list(find_unmatched())) == 1
    dismiss(stray)
    later = make_row("of_stray", received_at=NOW + dt.timedelta(seconds=2))
    assert ingest_call([later], NOW, 0) == ["unmatched"]
    assert UnmatchedAggregate.objects.get().dismissed_at is None


def test_bringing_earnings_back_undoes_it() -> None:
    (stray,) = wait("of_stray")
    dismiss(stray)
    dismiss(stray, "restore")
    found = UnmatchedAggregate.objects.get()
    assert (found.dismissed_at, found.dismissed_reason) == (None, "")
    assert len(list(find_unmatched())) == 1
    entry = AuditEntry.objects.get(verb="restore")
    assert (list(entry.before), entry.reason) == (["dismissed_at"], REASON["reason"])


@pytest.mark.parametrize(("status", "reasons"), [("rejected", [{"field": "kind", "why": "No."}]), ("dead", [])])
def test_a_dismissed_file_is_no_incident_and_becomes_what_it_was(status: str, reasons: list[Any]) -> None:
    file = make_result(status, reasons=reasons, error="" if reasons else "It is gone.")
    dismiss(file.pk, model="resultfile")
    after = ResultFile.objects.get()
    assert (after.status, after.dismissed_reason, after.reasons) == ("dismissed", REASON["reason"], reasons)
    assert list(find_left_results()) == []
    client = log_in("Operations")
    assert listed(client, f"{FILES}?status__exact=dismissed") == [file.pk]
    assert "Dismissed: A test of the worker" in client.get(f"{FILES}{file.pk}/change/").content.decode()
    assert "Dismissed: A test of the worker" in client.get(FILES).content.decode()
    dismiss(file.pk, "restore", "resultfile")
    after = ResultFile.objects.get()
    assert (after.status, after.dismissed_reason) == (status, "")
    assert len(list(find_left_results())) == 1


@pytest.mark.parametrize("status", ["waiting", "working", "done", "replaced"])
def test_only_what_came_to_nothing_is_dismissed(status: str) -> None:
    file = make_result(status)
    dismiss(file.pk, model="resultfile")
    assert ResultFile.objects.get().status == status
    assert not AuditEntry.objects.filter(verb="dismiss").exists()


def test_a_dismissed_file_is_read_once_it_is_stored_anew_or_asked_for(settings: Settings) -> None:
    settings.RESULTS_BUCKET = "results"
    file = make_rejected(sequencer="1F", status="dismissed", dismissed_reason="x")
    seen = StoredFile(file.bucket, file.key, file.etag, "1F", 1)
    take_files([seen], ResultFile.Door.SQS)
    assert ResultFile.objects.get().status == "dismissed"
    take_files([StoredFile(file.bucket, file.key, file.etag, "2F", 1)], ResultFile.Door.SQS)
    assert ResultFile.objects.get().status == "waiting"
    ResultFile.objects.update(status="dismissed")
    address = reverse("admin:onlyfans_resultfile_retry", args=[file.pk])
    assert log_in("Finance").post(address, REASON).status_code == 302
    assert ResultFile.objects.values_list("status", "dismissed_reason").get() == ("waiting", "")


@pytest.mark.parametrize("model", ["unmatchedaggregate", "resultfile"])
def test_many_are_dismissed_and_brought_back_from_the_list(model: str) -> None:
    gone: QuerySet[Any]
    if model == "resultfile":
        keys, address = [make_rejected().pk for _ in range(3)], FILES
        gone = ResultFile.objects.filter(status="dismissed")
    else:
        keys, address = wait("of_1", "of_2", "of_3"), UNMATCHED
        gone = UnmatchedAggregate.objects.filter(dismissed_at__isnull=False)
    client = log_in("Operations")
    ticked = {"action": "dismiss_selected", "_selected_action": keys[:2]}
    asked = client.post(address, ticked)
    assert asked.status_code == 200 and b"Why" not in asked.content and gone.count() == 0
    assert [f'value="{key}"' in asked.content.decode() for key in keys] == [True, True, False]
    assert client.post(address, {**ticked, "reason": " "}).status_code == 200
    assert gone.count() == 0
    assert client.post(address, {**ticked, **REASON}).status_code == 302
    assert list(gone.order_by("pk").values_list("pk", flat=True)) == keys[:2]
    back = {"action": "restore_selected", "_selected_action": keys, **REASON}
    assert client.post(f"{address}?state=all" if model == "unmatchedaggregate" else address, back).status_code == 302
    assert (gone.count(), AuditEntry.objects.filter(verb="restore").count()) == (0, 2)


@pytest.mark.parametrize("group", ["Support", "Read only"])
def test_who_may_only_look_dismisses_nothing(group: str) -> None:
    file, (stray,), client = make_rejected(), wait("of_stray"), log_in(group)
    for model, key, address in (("resultfile", file.pk, FILES), ("unmatchedaggregate", stray, UNMATCHED)):
        for verb in ("dismiss", "restore"):
            door = reverse(f"admin:onlyfans_{model}_{verb}", args=[key])
            assert client.post(door, REASON).status_code == 403
            assert door not in client.get(f"{address}{key}/change/").content.decode()
            client.post(address, {"action": f"{verb}_selected", "_selected_action": [key], **REASON})
    assert not AuditEntry.objects.filter(verb__in=["dismiss", "restore"]).exists()
    assert (ResultFile.objects.get().status, UnmatchedAggregate.objects.get().dismissed_at) == ("rejected", None)


def test_a_reason_is_needed_and_a_look_changes_nothing() -> None:
    (stray,), client = wait("of_stray"), log_in("Finance")
    address = reverse("admin:onlyfans_unmatchedaggregate_dismiss", args=[stray])
    assert client.get(address).status_code == 200
    assert client.get(address, REASON).status_code == 200
    assert client.post(address, {"reason": ""}).status_code == 200
    assert UnmatchedAggregate.objects.get().dismissed_at is None


@pytest.mark.parametrize("address", [FILES, UNMATCHED])
def test_a_list_that_nobody_counts_does_not_offer_to_tick_all_of_it(address: str) -> None:
    make_rejected()
    wait("of_stray")
    page = log_in("Finance").get(address).content.decode()
    assert "Dismiss selected" in page and "Select all 9" not in page
