"""The mail server refuses, puts off, breaks or is away: no mail is lost, and none sent twice unless nobody knows."""

from typing import Any

import pytest
from pytest_django import Settings

from billing.models import BillingAccount, InvoiceDelivery
from jobs.models import JobItem
from tests.billing.street import Street
from tests.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def street(wired: Outside) -> Street:
    return Street(wired)


@pytest.mark.parametrize(
    ("rule", "error", "attempts"),
    [
        ({}, "The mail server refused the recipient {to}: 550 5.1.1 The recipient does not exist", 1),
        ({"action": "defer"}, "The mail server put off the recipient {to}: 451 4.7.1 Try again later", 3),
        ({"stage": "data", "code": 554, "text": "5.7.1 Looks like spam"},
         "The mail server refused the message: 554 5.7.1 Looks like spam", 1),
        ({"stage": "data", "action": "defer"}, "The mail server put off the message: 451 4.7.1 Try again later", 3),
    ],
)  # fmt: skip
def test_one_recipient(street: Street, rule: dict[str, Any], error: str, attempts: int) -> None:
    to = street.troubled.email
    street.outside.refuse_mail(to, **rule)
    run = street.bill()
    street.check_only_the_trouble(run, "email", error.format(to=to))
    assert street.item(run).attempts == attempts
    assert street.look(street.troubled).counts == (1, 1, 1, 0)
    asked = len(street.outside.list_requests(service="stripe"))
    street.outside.heal()
    street.check_repaired(run)
    # Stripe, which was done, was not asked again.
    assert len(street.outside.list_requests(service="stripe")) == asked


def test_a_refused_address_is_mended_by_another(street: Street) -> None:
    street.outside.refuse_mail(street.troubled.email)
    run = street.bill()
    BillingAccount.objects.filter(organization=street.troubled).update(invoice_email="finance@example.test")
    street.organizations[1] = type(street.troubled).objects.get(pk=street.troubled.pk)
    street.check_repaired(run)
    (mail,) = street.outside.list_mails(to="finance@example.test")
    assert (
        mail["message_id"] == InvoiceDelivery.objects.get(step="email", invoice__organization=street.troubled).reference
    )


def test_put_off_once_is_sent_once(street: Street) -> None:
    street.outside.refuse_mail(street.troubled.email, action="defer", times=1)
    run = street.bill()
    assert run.status == "succeeded"
    assert [error["kind"] for error in street.item(run).steps["email"]["errors"]] == ["retryable"]
    street.check_delivered(*street.organizations)


def test_cut_off_before_it_was_kept(street: Street) -> None:
    """Nobody can know, so it is sent again: once it arrived."""
    street.outside.refuse_mail(street.troubled.email, stage="data", action="drop_before", times=1)
    run = street.bill()
    assert run.status == "succeeded"
    assert [error["kind"] for error in street.item(run).steps["email"]["errors"]] == ["unknown"]
    street.check_delivered(*street.organizations)


def test_cut_off_after_it_was_kept(street: Street) -> None:
    """Nobody can know, so it is sent again under the same Message-ID, by which it is one mail."""
    street.outside.refuse_mail(street.troubled.email, stage="data", action="drop_after", times=1)
    run = street.bill()
    assert run.status == "succeeded"
    street.check_delivered(*street.neighbours)
    street.check_delivered(street.troubled, times=2)


def test_held_until_a_person_decides(street: Street, settings: Settings) -> None:
    settings.INVOICE_EMAIL_UNKNOWN = "hold"
    street.outside.refuse_mail(street.troubled.email, stage="data", action="drop_after", times=1)
    run = street.bill()
    said = "It is not known whether this e-mail went out. Ask the recipient, then mark it as sent or send it again."
    street.check_only_the_trouble(run, "email", said)
    again = street.rerun(run)
    assert (again.status, street.item(again).error) == ("failed", said)
    street.check_delivered(*street.organizations)


def test_the_server_is_not_there(street: Street, settings: Settings) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    run = street.bill()
    assert (run.status, run.failed) == ("failed", 3)
    assert set(JobItem.objects.values_list("step", "error")) == {
        ("email", "The mail server can't be reached (ConnectionRefusedError).")
    }
    seen = street.look_at_all()
    assert [one.counts for one in seen] == [(1, 1, 1, 0)] * 3
    settings.EMAIL_PORT = port
    again = street.rerun(run)
    assert (again.status, again.done) == ("succeeded", 3)
    street.check_delivered(*street.organizations)
    assert [(one.numbers, one.pdfs, one.stripe) for one in street.look_at_all()] == [
        (one.numbers, one.pdfs, one.stripe) for one in seen
    ]


def test_a_log_in_that_is_refused_stops_the_run_and_blames_nobody(street: Street, settings: Settings) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "billing", "wrong-7d1f"
    street.outside.refuse_mail("billing", stage="auth")
    run = street.bill()
    assert (run.status, run.failed, run.missing) == ("failed", 0, 3)
    assert run.error == "The mail server refuses INVOICE_SMTP_USERNAME and INVOICE_SMTP_PASSWORD."
    assert "7d1f" not in str(list(run.items.values())) + str(list(InvoiceDelivery.objects.values()))
    assert street.outside.list_mails() == []
    street.outside.heal()
    assert street.rerun(run, "missing").status == "succeeded"
    street.check_delivered(*street.organizations)


def test_mail_is_left_out_where_the_account_says_so(street: Street) -> None:
    BillingAccount.objects.filter(organization=street.troubled).update(deliver_email=False)
    assert street.bill().status == "succeeded"
    assert street.look(street.troubled).counts == (1, 1, 1, 0)
    street.check_delivered(*street.neighbours)


def test_two_runs_send_one_mail(street: Street) -> None:
    street.bill()
    street.bill()
    street.check_delivered(*street.organizations)
