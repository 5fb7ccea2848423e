"""A database restored from an older backup: the run stops before it gives a number, and nothing is billed again."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from alerts.models import Incident
from alerts.services.watching import tick
from billing.models import Books, Invoice, InvoiceDelivery, NumberSeries
from billing.services import comparing
from billing.services.books import resume_deliveries, stop_deliveries
from billing.services.correcting import credit_invoice
from billing.services.delivering import deliver_email, deliver_pdf, deliver_stripe, deliver_stripe_void
from billing.services.delivering.claims import Parcel
from common.errors import Misconfigured, Permanent
from tests.billing.street import Street
from tests.factories.backups import restore_backup, take_backup
from tests.factories.billing import AUGUST
from tests.factories.holders import hold
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.outside import Outside

SEPTEMBER = AUGUST.plus(1)


@pytest.fixture
def street(wired: Outside) -> Street:
    """Three organizations, whose August was billed and delivered before the backup, and September after it."""
    street = Street(wired)
    assert street.bill().status == "succeeded"
    for creator in street.creators:
        wired.seed(creator.onlyfans_user_id, SEPTEMBER, tips=20_000)
    take_backup()
    assert street.bill(month=SEPTEMBER).status == "succeeded"
    return street


def _look(outside: Outside) -> tuple[list[tuple[str, str]], list[tuple[str, int]]]:
    there = [(found["number"], found["status"]) for found in outside.list_objects("invoice")]
    return there, [(mail["message_id"], mail["times_received"]) for mail in outside.list_mails()]


@pytest.mark.django_db(transaction=True)
def test_a_run_on_a_restored_backup_stops_before_it_gives_a_number(street: Street, wired: Outside) -> None:
    before = _look(wired)
    restore_backup()
    run = street.bill(month=SEPTEMBER)
    (first,) = (found for found in wired.list_objects("invoice") if found["number"] == "INV-2026-000004")
    organization = first["metadata"]["huntaze_document"].split("/")[1]
    assert (run.status, run.done, run.failed) == ("failed", 0, 0)
    assert run.error == (
        f"Stripe has 3 documents, the first INV-2026-000004 over USD 37.00 for {organization}, September 2026, which "
        "are not in our books. The database was probably restored from a backup: run manage.py reconcile_stripe."
    )
    assert _look(wired) == before
    assert (NumberSeries.objects.get().last_number, Invoice.objects.filter(number__isnull=False).count()) == (3, 3)


@pytest.mark.django_db(transaction=True)
def test_all_that_follows_is_one_incident(street: Street, wired: Outside) -> None:
    before = _look(wired)
    restore_backup()
    first, second = street.bill(month=SEPTEMBER), street.bill(month=SEPTEMBER)
    tick()
    tick()
    (incident,) = Incident.objects.filter(condition="books-differ")
    assert (incident.severity, incident.resolved_at) == ("critical", None)
    assert (second.status, second.error) == (
        "failed",
        f"Deliveries are switched off since {Books.objects.get().stopped_at:%Y-%m-%d %H:%M} UTC. {first.error} Then "
        "switch deliveries on again: the button is on the list of invoices.",
    )
    assert _look(wired) == before
    (entry,) = AuditEntry.objects.filter(object_type="billing.books")
    assert (entry.verb, entry.actor_name, entry.reason) == ("stop", "Comparing with Stripe", first.error)


@pytest.mark.django_db(transaction=True)
def test_without_the_comparison_numbers_would_be_given_twice(
    street: Street, wired: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: here they happen to be the same ones, but every customer would get a second e-mail."""
    monkeypatch.setattr(comparing, "list_unknown", lambda documents: [])
    restore_backup()
    assert street.bill(month=SEPTEMBER).status == "succeeded"
    assert [times for _, times in _look(wired)[1]] == [1, 1, 1, 2, 2, 2]


@pytest.mark.django_db(transaction=True)
def test_books_that_agree_stop_nothing(street: Street, wired: Outside) -> None:
    assert street.bill(month=SEPTEMBER).status == "succeeded"
    assert Books.objects.get().stopped_at is None


@pytest.mark.django_db(transaction=True)
def test_another_installation_in_the_same_account_stops_nothing(street: Street, wired: Outside) -> None:
    """The same documents under other books: they are somebody else's."""
    restore_backup()
    Books.objects.all().delete()
    assert street.bill(month=SEPTEMBER).status == "succeeded"
    assert len(wired.list_objects("invoice")) == 9


@pytest.mark.django_db(transaction=True)
def test_while_stripe_can_not_be_compared_no_number_is_given(wired: Outside) -> None:
    street = Street(wired)
    wired.fail("stripe", "/v1/invoices$", method="GET", status=500, times=None)
    run = street.bill()
    assert (run.status, run.failed) == ("failed", 3)
    assert street.item(run).step == "books"
    assert not NumberSeries.objects.exists()
    wired.heal()
    assert street.rerun(run).status == "succeeded"
    street.check_delivered(*street.organizations)


@pytest.mark.django_db
@pytest.mark.parametrize("deliver", [deliver_stripe, deliver_email, deliver_stripe_void])
def test_nothing_leaves_while_deliveries_are_off(wired: Outside, deliver: Callable[[Parcel], None]) -> None:
    invoice = make_invoice()
    stop_deliveries("They differ.", who="Test")
    with pytest.raises(Misconfigured, match=r"^Deliveries are switched off since .* They differ\."):
        deliver(Parcel(invoice.pk, hold()))
    deliver_pdf(Parcel(invoice.pk, hold()))
    assert (wired.list_requests(), wired.list_mails()) == ([], [])
    assert [row.step for row in InvoiceDelivery.objects.all()] == ["pdf"]


@pytest.mark.django_db
def test_no_number_is_given_while_deliveries_are_off(wired: Outside) -> None:
    invoice = make_invoice()
    stop_deliveries("They differ.", who="Test")
    with pytest.raises(Misconfigured):
        credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert [series.prefix for series in NumberSeries.objects.all()] == ["INV"]


@pytest.mark.django_db
def test_what_stopped_deliveries_first_stays_the_reason_until_somebody_says_go() -> None:
    stop_deliveries("First.", who="One")
    stop_deliveries("Second.", who="Two")
    books = Books.objects.get()
    assert (books.stopped_by, books.stopped_reason) == ("One", "First.")
    with pytest.raises(Permanent, match="Say why"):
        resume_deliveries(actor=None, reason=" ")
    assert Books.objects.get().stopped_at == books.stopped_at
    resume_deliveries(actor=None, reason="They agree.", who="Ada")
    books.refresh_from_db()
    assert (books.stopped_at, books.stopped_by, books.stopped_reason) == (None, "", "")
    assert books.resumed_at is not None
    assert books.resumed_at > timezone.now() - dt.timedelta(minutes=1)
    assert list(AuditEntry.objects.order_by("id").values_list("verb", "actor_name", "reason")) == [
        ("stop", "One", "First."), ("resume", "Ada", "They agree."),
    ]  # fmt: skip
    with pytest.raises(Permanent, match="Deliveries are switched on already"):
        resume_deliveries(actor=None, reason="Again")
