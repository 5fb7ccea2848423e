"""What alerts say, of every condition that is declared: each has an example here, and all of them keep the rules."""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from accounts.services.roles import sync_roles
from alerts import registry
from alerts.models import Channel, Incident, Notification
from alerts.registry import BROKEN_CHECK, Finding, condition, find_condition, list_conditions, list_events
from alerts.services import incidents, tick
from alerts.services.channels import send_test
from alerts.services.writing import write_letter
from analytics.models import slot_of
from analytics.services.snapshots import take_snapshots
from billing.models import Invoice, InvoiceDelivery, NumberSeries, StripeEvent, StripeRecord
from billing.services.books import stop_deliveries
from common.clock import now, previous_month
from jobs.models import JobMonitor, JobRun, JobSchedule
from jobs.schedules import sync_schedules
from jobs.services.announcing import announce_end
from jobs.services.monitoring import refresh_monitor, sync_monitors
from onlyfans.models import CreatorAccount, ResultFile, UnmatchedAggregate
from onlyfans.services.ingesting import correct_category
from tests.analytics.sources import Provider, declared
from tests.factories.alerts import make_channel, make_rule
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.earnings import NOW, OCTOBER, make_row, take_in
from tests.factories.invoices import make_draft, make_invoice, note_delivery
from tests.factories.ledger import make_run
from tests.factories.results import make_rejected, make_result
from tests.factories.staff import make_staff

pytestmark = pytest.mark.django_db
CAFE = "Café Crème"
AN_HOUR, A_MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)

PROVIDER = Provider()
EXAMPLES: dict[str, Callable[[], set[str]]] = {}
# A name in quotes that is no button: a queue, a channel or another condition.
_NO_BUTTON = re.compile(r"(queue|to) “[^”]+”|“[^”]+” can't")
_BUTTON = re.compile(r"“([^”]+)”")
_COMMAND = re.compile(r"manage\.py \w+")
# Keys of rows, numbers of runs, and names that only code knows.
_INTERNAL = re.compile(r"\borg_\w+|#\d+|\b[a-z]+(?:_[a-z]+)+\b|\b(?:channel|creator|invoice):\d+|\bNone\b")
# How we wrote before: things that wait, come to nothing or are beyond reason.
_RIDDLES = re.compile(
    r"\bwaits?\b(?! for another)|came to|anew|whoever|is to be|dead letter|stands|beyond", re.IGNORECASE
)


def example(name: str) -> Callable[[Callable[[], set[str]]], Callable[[], set[str]]]:
    """Show how a condition comes true; the function returns the titles that it then has."""

    def register(make: Callable[[], set[str]]) -> Callable[[], set[str]]:
        EXAMPLES[name] = make
        return make

    return register


def issue() -> Invoice:
    organization = make_organization(make_plan(base_fee_cents=1_000), name=CAFE)
    earn(make_creator(organization, display_name="Aurora"), AUGUST, 100_000)
    return make_invoice(organization)


def compute(**account: int) -> Invoice:
    organization = make_organization(name=CAFE, account=account)
    earn(make_creator(organization), AUGUST, 100_000)
    draft = make_draft(organization)
    Invoice.objects.filter(pk=draft.pk).update(computed_at=now() - dt.timedelta(days=4))
    return draft


@example("invoices-held")
def hold() -> set[str]:
    compute(max_total_cents=100)
    return {"The invoice for August 2026 of Café Crème needs approval"}


@example("drafts-left")
def leave_a_draft() -> set[str]:
    compute()
    return {"The invoice for August 2026 of Café Crème was computed but not issued"}


@example("left-unbilled")
def leave_unbilled() -> set[str]:
    organization = make_organization(name=CAFE, status="suspended")
    earn(make_creator(organization), previous_month(), 10_000)
    return {f"Café Crème, now suspended, was not billed for {previous_month().label}"}


@example("deliveries-failed")
def fail_to_deliver() -> set[str]:
    invoice, other = issue(), make_invoice(make_organization(make_plan(base_fee_cents=1_000), name="Night Owl"))
    note_delivery(invoice, "stripe", "failed", error="Stripe refused the customer's address.")
    InvoiceDelivery.objects.update(created_at=now() - AN_HOUR)
    Invoice.objects.update(finalized_at=now() - AN_HOUR)
    return {
        f"Stripe failed for invoice {invoice.number} of Café Crème",
        f"The invoice {other.number} of Night Owl was not delivered",
    }


def _event(**fields: object) -> StripeEvent:
    values = {"type": "invoice.paid", "created_at": now(), "source": "webhook", "body": {}, **fields}
    return StripeEvent.objects.create(event_id="evt_1", **values)


@example("stripe-events-failed")
def fail_an_event() -> set[str]:
    invoice = issue()
    _event(status="dead", invoice=invoice, error="No such invoice.")
    return {f"A Stripe event failed: invoice.paid about invoice {invoice.number} of Café Crème"}


@example("stripe-events-waiting")
def leave_an_event() -> set[str]:
    _event(received_at=now() - AN_HOUR)
    return {"A Stripe event is not being processed: invoice.paid"}


@example("stripe-differs")
def void_in_stripe() -> set[str]:
    invoice = issue()
    StripeRecord.objects.create(invoice=invoice, stripe_invoice="in_1", state="void")
    return {f"The invoice {invoice.number} of Café Crème differs from Stripe"}


@example("payments-disputed")
def dispute() -> set[str]:
    invoice = issue()
    StripeRecord.objects.create(invoice=invoice, stripe_invoice="in_1", state="paid", dispute="needs_response")
    return {f"The dispute about invoice {invoice.number} of Café Crème needs a response"}


@example("books-differ")
def stop() -> set[str]:
    stop_deliveries("Stripe has INV-2026-000004 over USD 12.00 for Café Crème, and our books don't.", who="Test")
    return {"Deliveries are off: our books and Stripe's differ"}


@example("number-gap")
def lose_a_number() -> set[str]:
    issue()
    NumberSeries.objects.update(last_number=4)
    return {"The invoice numbers INV-2026 have a gap or a duplicate"}


@example("channel-failing")
def break_a_channel() -> set[str]:
    channel = make_channel()
    Channel.objects.filter(pk=channel.pk).update(failures=3, name="Finance by mail")
    return {"Alerts to “Finance by mail” don't arrive"}


@example("creator-disconnected")
def disconnect() -> set[str]:
    creator = make_creator(make_organization(name=CAFE), display_name="Aurora", credentials={"token": "x"})
    reason = "The gateway no longer accepts the stored token."
    CreatorAccount.objects.filter(pk=creator.pk).update(
        connection_state="expired", connection_reason=reason, connection_since=now()
    )
    return {"Aurora of Café Crème must be reconnected"}


@example("earnings-unmatched")
def bring_a_stranger() -> set[str]:
    take_in(make_row("48291377"))
    UnmatchedAggregate.objects.update(recorded_at=now() - dt.timedelta(days=2))
    return {"Earnings of the OnlyFans user 48291377 have no creator"}


@example("correction-overruled")
def overrule() -> set[str]:
    creator = make_creator(make_organization(name=CAFE), display_name="Aurora", onlyfans_user_id="of_aurora")
    take_in(make_row(cents=1_000))
    correct_category(creator.pk, OCTOBER.first_day, "uncategorized", (900, 900), "USD", NOW + dt.timedelta(days=1))
    take_in(make_row(cents=2_000, received_at=NOW + dt.timedelta(days=2)))
    return {"Aurora of Café Crème: the correction of October 2026 was overruled"}


@example("results-left")
def fail_files() -> set[str]:
    rejected, dead = make_rejected(), make_result("dead", error="It is no longer in the bucket.")
    return {f"The result file {rejected} was rejected", f"The result file {dead} could not be processed"}


@example("results-waiting")
def leave_a_file() -> set[str]:
    file = make_result("waiting")
    ResultFile.objects.update(received_at=now() - AN_HOUR)
    return {f"The result file {file} is not being read"}


@example("snapshot-jumps")
def jump() -> set[str]:
    organization, slot = make_organization(name=CAFE), slot_of(now())
    for place in range(10):
        PROVIDER.tell("ada", organization.pk, fans=9_000 if place == 9 else 100 + place)
        take_snapshots(PROVIDER.source, slot - (9 - place) * dt.timedelta(hours=6), "", "", slot)
    return {"Elsewhere: figures of Ada jumped"}


def _watch(job: str, moment: dt.datetime | None = None) -> None:
    sync_monitors(now())
    refresh_monitor(JobMonitor.objects.get(job=job).pk, moment or now() + A_MINUTE)


@example("job-failing")
def fail() -> set[str]:
    make_run(status="partial", expected=5, done=3, failed=2)
    _watch("monthly-billing")
    return {"Monthly billing is failing"}


@example("job-hanging")
def hang() -> set[str]:
    make_run(status="running", started_at=now() - dt.timedelta(days=1))
    _watch("monthly-billing")
    return {"Monthly billing is hanging"}


@example("job-incomplete")
def leave_out() -> set[str]:
    make_run(status="cancelled", expected=5, done=3)
    _watch("monthly-billing")
    return {"Monthly billing is incomplete"}


def _fall_due(minutes: int) -> None:
    sync_schedules()
    sync_monitors(now())
    due = now().replace(minute=0, second=0, microsecond=0)
    JobSchedule.objects.filter(job="hourly-usage").update(counts_from=due - AN_HOUR / 2, due_at=due)
    JobMonitor.objects.filter(job="hourly-usage").update(counts_from=due - AN_HOUR / 2, check_at=due)
    _watch("hourly-usage", due + minutes * A_MINUTE)


@example("job-late")
def be_late() -> set[str]:
    _fall_due(2)
    return {"Hourly usage is late"}


@example("job-missed")
def miss() -> set[str]:
    _fall_due(30)
    return {"Hourly usage did not run"}


@pytest.fixture(autouse=True)
def _sources() -> Iterator[None]:
    """Declare a source of snapshots, whose figures an example tells."""
    with declared(PROVIDER):
        yield


def test_every_declared_condition_has_an_example() -> None:
    assert set(EXAMPLES) == {one.name for one in list_conditions()}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_message_of_a_condition_names_the_thing_and_says_what_to_do(name: str) -> None:
    sync_roles()
    make_rule(make_channel(), kinds=[name], min_severity="info", reminder_hours=1)
    titles = EXAMPLES[name]()
    declared_one = find_condition(name)
    assert declared_one is not None
    findings = list(declared_one.check())
    assert {finding.title for finding in findings} == titles
    moment = now()
    tick(moment)
    Notification.objects.update(status="sent", attempts=1, sent_at=moment)
    tick(moment + dt.timedelta(hours=2))
    for finding in findings:
        check_rules(finding)
        incident = Incident.objects.get(condition=name, scope=finding.scope)
        check_messages(finding, incident)


def check_rules(finding: Finding) -> None:
    """Hold what a finding says against the rules of alerts."""
    said = " ".join([finding.title, finding.detail, finding.advice])
    assert not _INTERNAL.search(_COMMAND.sub("", said)), said
    assert not _RIDDLES.search(said), said
    assert finding.advice.endswith(".") and finding.link.startswith("/admin/")
    buttons = _BUTTON.findall(_NO_BUTTON.sub("", finding.advice))
    assert all(any(button in page for page in read_pages()) for button in buttons), buttons
    assert bool(finding.permission) or not buttons, "who may press it?"


def check_messages(finding: Finding, incident: Incident) -> None:
    """Hold the three messages about an incident against what was found: opened, reminder, recovered."""
    label = incident.get_severity_display()
    incidents.resolve(incident.pk, make_staff("Operations", name="Grace"), "It is settled.")
    starts = {"opened": f"[{label}] ", "reminder": f"[{label}, reminder 1] ", "recovered": "[Recovered] "}
    rows = incident.notifications.order_by("id")
    assert [row.what for row in rows] == list(starts)
    for row in rows:
        letter = write_letter(row)
        assert letter.subject == (starts[row.what] + " ".join(finding.title.split()))[:200]
        assert finding.detail in letter.text
        body = re.sub(r"^http\S+$", "", letter.text, flags=re.MULTILINE)
        assert not _INTERNAL.search(_COMMAND.sub("", body)), body
        is_over = row.what == "recovered"
        assert (f"What to do: {finding.advice}" in body) is not is_over
        assert ("Who may do it: " in body) is (bool(finding.permission) and not is_over)
        assert ("Who may acknowledge it: Finance and Operations" in body) is not is_over
        assert ("Note: Grace: It is settled." in body) is is_over


def read_pages() -> list[str]:
    """Read all that puts buttons on pages."""
    base = Path(settings.BASE_DIR)
    files = [*base.glob("templates/**/*.html"), *base.glob("*/admin/*.py")]
    return [file.read_text() for file in files]


def test_a_check_that_fails_says_which_and_whom_to_ask() -> None:
    def fail() -> Iterator[Finding]:
        raise ZeroDivisionError

    before = dict(registry._CONDITIONS)
    registry._CONDITIONS.clear()
    try:
        condition("odd", title="Invoices need approval")(fail)
        tick()
    finally:
        registry._CONDITIONS.clear()
        registry._CONDITIONS.update(before)
    incident = Incident.objects.get(condition=BROKEN_CHECK)
    assert incident.title == "“Invoices need approval” can't be checked"
    assert (
        incident.detail
        == "The check failed with ZeroDivisionError. Until it works again, its incidents stay as they are."
    )
    assert incident.advice == "Ask an engineer to read the worker's log: it has the whole error."


def test_the_end_of_a_run_is_told_by_title_and_month() -> None:
    assert [kind.name for kind in list_events()] == ["job-completed"]
    make_rule(make_channel(), kinds=["job-completed"])
    run = make_run(status=JobRun.Status.PARTIAL, expected=5, done=3, failed=2)
    announce_end(run)
    letter = write_letter(Notification.objects.get())
    assert letter.subject == "Monthly billing for October 2026: partly failed"
    assert "5 expected, 3 done, 0 skipped, 2 failed." in letter.text
    assert not _INTERNAL.search(re.sub(r"^http\S+$", "", letter.text, flags=re.MULTILINE))


def test_a_test_message_names_the_channel_and_who_asked() -> None:
    channel = make_channel()
    send_test(channel, make_staff(name="Grace"))
    letter = write_letter(Notification.objects.get())
    assert letter.subject == f"Test of the channel “{channel.name}”"
    assert "Grace asked for this message. Alerts for this channel arrive here." in letter.text
