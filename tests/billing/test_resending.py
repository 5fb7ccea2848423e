"""An e-mail sent once more is another e-mail; a retry does what is not done and nothing else."""

import pytest

from billing.models import Invoice, InvoiceAction
from billing.services.correcting import void_invoice
from billing.services.resending import resend_invoice, retry_delivery, settle_email
from common.errors import Permanent
from tests.billing.street import Street
from tests.factories.invoices import make_held
from tests.factories.runs import finish
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def street(wired: Outside) -> Street:
    return Street(wired)


def test_a_resend_has_a_message_id_of_its_own(street: Street) -> None:
    street.bill()
    invoice, actor = Invoice.objects.get(organization=street.troubled), make_staff(superuser=True)
    for number in (2, 3):
        finish(resend_invoice(invoice.pk, actor=actor, reason="The customer lost it"))
        mails = street.look(street.troubled).mails
        assert [times for _, times in mails] == [1] * number
        assert len({message_id for message_id, _ in mails}) == number
    assert list(invoice.deliveries.filter(step="email").order_by("sequence").values_list("sequence", "status")) == [
        (1, "done"),
        (2, "done"),
        (3, "done"),
    ]
    assert set(InvoiceAction.objects.values_list("verb", "actor", "reason")) == {
        ("resend", actor.pk, "The customer lost it")
    }
    # Nobody else has more than one, and nothing else was done again.
    street.check_delivered(*street.neighbours)
    assert street.look(street.troubled).counts == (1, 1, 1, 3)


def test_what_is_not_sent_yet_is_retried_instead(street: Street) -> None:
    street.outside.refuse_mail(street.troubled.email)
    street.bill()
    invoice = Invoice.objects.get(organization=street.troubled)
    with pytest.raises(Permanent, match="is not sent yet: retry it instead"):
        resend_invoice(invoice.pk, actor=None, reason="Again")
    assert not InvoiceAction.objects.exists()
    street.outside.heal()
    finish(retry_delivery(invoice.pk, actor=None))
    street.check_delivered(*street.organizations)


def test_a_void_invoice_is_not_sent_again(street: Street) -> None:
    street.outside.refuse_mail(street.troubled.email)
    street.bill()
    street.outside.heal()
    invoice = Invoice.objects.get(organization=street.troubled)
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    finish(retry_delivery(invoice.pk, actor=None))
    assert street.look(street.troubled).mails == []
    assert [status for _, status, _ in street.look(street.troubled).stripe] == ["void"]
    mail = invoice.deliveries.get(step="email")
    assert (mail.status, mail.error) == ("skipped", "It is void: nothing of it is delivered any more.")
    with pytest.raises(Permanent, match=f"{invoice} is void: nothing of it is mailed any more."):
        resend_invoice(invoice.pk, actor=None, reason="Again")


@pytest.mark.parametrize("status", ["failed", "unknown", "pending"])
def test_nothing_waits_any_more_with_what_is_void(street: Street, status: str) -> None:
    """What a worker leaves undone that was at it while somebody voided the invoice ends with the next attempt."""
    street.bill()
    street.outside.heal()
    invoice = Invoice.objects.get(organization=street.troubled)
    sent = len(street.outside.list_mails())
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    invoice.deliveries.filter(step__in=["email", "stripe"]).update(status=status)
    invoice.deliveries.create(step="email", sequence=2, status=status)
    finish(retry_delivery(invoice.pk, actor=None))
    left = {delivery.step: delivery.status for delivery in invoice.deliveries.exclude(status="done")}
    assert left == {"email": "skipped", "stripe": "skipped"}
    assert len(street.outside.list_mails()) == sent


def test_what_is_not_issued_can_not_be_delivered() -> None:
    held = make_held()
    with pytest.raises(Permanent, match="is not issued yet"):
        retry_delivery(held.pk, actor=None)
    with pytest.raises(Permanent, match="is not sent yet"):
        resend_invoice(held.pk, actor=None, reason="Again")


def test_there_is_nothing_to_settle_about_a_mail_that_went_out(street: Street) -> None:
    street.bill()
    sent = Invoice.objects.get(organization=street.troubled).deliveries.get(step="email")
    for was_sent in (True, False):
        with pytest.raises(Permanent, match="There is nothing to decide"):
            settle_email(sent.pk, was_sent=was_sent, actor=None, reason="Sure?")
    assert not InvoiceAction.objects.exists()
