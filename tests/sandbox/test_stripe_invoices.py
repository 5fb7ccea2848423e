"""Invoices from draft to their end, as the real library sees them."""

from decimal import Decimal
from typing import cast

import pytest
import stripe
from stripe.params import InvoiceCreateParams

from tests.sandbox.build import customer, draft, open_invoice
from tests.sandbox.conftest import Control

DAY = 86_400


def test_a_draft_has_no_number_and_takes_its_amounts_from_its_lines(client: stripe.StripeClient) -> None:
    owner = customer(client)
    invoice = draft(client, 10_000, -2_500, customer=owner.id, metadata={"organization": "org_1"})
    assert (invoice.status, invoice.number, invoice.hosted_invoice_url) == ("draft", None, None)
    assert (invoice.subtotal, invoice.total, invoice.amount_due) == (7_500, 7_500, 7_500)
    assert (invoice.customer, invoice.customer_name) == (owner.id, "Studio Zoë")
    assert invoice.metadata is not None
    assert invoice.metadata.to_dict() == {"organization": "org_1"}
    assert [line.description for line in invoice.lines.data] == ["Line 0", "Line 1"]
    assert invoice.due_date == invoice.created + 14 * DAY


def test_finalizing_gives_number_page_and_due_date(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 5_000)
    assert invoice.status == "open"
    assert invoice.number is not None
    assert invoice.number.endswith("-0001")
    assert invoice.hosted_invoice_url is not None
    assert invoice.hosted_invoice_url.endswith(f"/stripe/invoices/{invoice.id}")
    assert invoice.status_transitions.finalized_at is not None
    assert invoice.due_date == invoice.status_transitions.finalized_at + 14 * DAY
    assert (invoice.amount_due, invoice.amount_remaining, invoice.ending_balance) == (5_000, 5_000, 0)


def test_a_number_of_ones_own_is_kept_and_does_not_use_up_stripes(client: stripe.StripeClient) -> None:
    owner = customer(client)
    ours = open_invoice(client, 5_000, customer=owner.id, number="HTZ-2026-000001")
    theirs = open_invoice(client, 5_000, customer=owner.id)
    assert ours.number == "HTZ-2026-000001"
    assert theirs.number is not None
    assert theirs.number.endswith("-0001")


def test_only_ten_lines_come_with_an_invoice_and_the_rest_in_pages(client: stripe.StripeClient) -> None:
    invoice = draft(client, *range(1, 13))
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    lines = client.v1.invoices.line_items.list(invoice.id, {"limit": 5})
    assert [line.amount for line in lines.auto_paging_iter()] == list(range(1, 13))
    assert invoice.total == sum(range(1, 13))


def test_a_total_of_zero_is_paid_at_once(client: stripe.StripeClient) -> None:
    for invoice in (open_invoice(client), open_invoice(client, 500, -500)):
        assert (invoice.status, invoice.total, invoice.amount_due) == ("paid", 0, 0)
        assert invoice.attempt_count == 0


def test_a_negative_total_goes_to_the_balance_and_is_taken_off_the_next_invoice(client: stripe.StripeClient) -> None:
    owner = customer(client)
    credit = open_invoice(client, -3_000, customer=owner.id)
    assert (credit.status, credit.total, credit.amount_due, credit.ending_balance) == ("paid", -3_000, 0, -3_000)
    assert client.v1.customers.retrieve(owner.id).balance == -3_000
    following = open_invoice(client, 10_000, customer=owner.id)
    assert (following.total, following.starting_balance, following.amount_due) == (10_000, -3_000, 7_000)
    assert client.v1.customers.retrieve(owner.id).balance == 0
    client.v1.invoices.void_invoice(following.id)
    assert client.v1.customers.retrieve(owner.id).balance == -3_000


def test_less_than_can_be_charged_goes_to_the_balance(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 49)
    assert (invoice.status, invoice.total, invoice.amount_due, invoice.ending_balance) == ("paid", 49, 0, 49)


@pytest.mark.parametrize("state", ["draft", "open", "paid", "void", "uncollectible"])
@pytest.mark.parametrize("verb", ["finalize_invoice", "void_invoice", "mark_uncollectible", "delete", "pay"])
def test_the_state_machine(client: stripe.StripeClient, state: str, verb: str) -> None:
    allowed: dict[str, dict[str, str | None]] = {
        "finalize_invoice": {"draft": "open"},
        "void_invoice": {"open": "void", "uncollectible": "void"},
        "mark_uncollectible": {"open": "uncollectible"},
        "delete": {"draft": None},
        "pay": {"draft": "paid", "open": "paid", "uncollectible": "paid"},
    }
    id = _in_state(client, state)
    params = {"paid_out_of_band": True} if verb == "pay" else None
    call = getattr(client.v1.invoices, verb)
    if state not in allowed[verb]:
        with pytest.raises(stripe.InvalidRequestError):
            call(id, params)
        assert client.v1.invoices.retrieve(id).status == state
        return
    call(id, params)
    if verb == "delete":
        with pytest.raises(stripe.InvalidRequestError, match="No such invoice") as raised:
            client.v1.invoices.retrieve(id)
        assert raised.value.http_status == 404
    else:
        assert client.v1.invoices.retrieve(id).status == allowed[verb][state]


def _in_state(client: stripe.StripeClient, state: str) -> str:
    if state == "draft":
        return draft(client, 1_000).id
    id = open_invoice(client, 1_000).id
    if state == "paid":
        client.v1.invoices.pay(id, {"paid_out_of_band": True})
    if state == "void":
        client.v1.invoices.void_invoice(id)
    if state == "uncollectible":
        client.v1.invoices.mark_uncollectible(id)
    return id


def test_a_finalized_invoice_keeps_its_lines_and_words(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    item = client.v1.invoice_items.list({"invoice": invoice.id}).data[0]
    more = {"customer": str(invoice.customer), "invoice": invoice.id, "amount": 5, "currency": "usd"}
    for call in (
        lambda: client.v1.invoice_items.create(more),  # type: ignore[arg-type]  # a TypedDict, built apart
        lambda: client.v1.invoice_items.delete(item.id),
        lambda: client.v1.invoice_items.update(item.id, {"amount": 5}),
        lambda: client.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 5}]}),
        lambda: client.v1.invoices.update(invoice.id, {"description": "other words"}),
    ):
        with pytest.raises(stripe.InvalidRequestError):
            call()
    after = client.v1.invoices.retrieve(invoice.id)
    assert (after.total, after.description, len(after.lines.data)) == (1_000, None, 1)
    tagged = client.v1.invoices.update(invoice.id, {"metadata": {"note": "late"}})
    assert tagged.metadata is not None
    assert tagged.metadata.to_dict() == {"note": "late"}


def test_lines_are_added_in_bulk_and_taken_off_again(client: stripe.StripeClient) -> None:
    invoice = draft(client)
    filled = client.v1.invoices.add_lines(
        invoice.id,
        {
            "lines": [{"amount": 700, "description": "Base fee", "metadata": {"line": "1"}}, {"amount": 300}],
            "invoice_metadata": {"lines": "2"},
        },
    )
    assert (filled.total, [line.amount for line in filled.lines.data]) == (1_000, [700, 300])
    assert filled.lines.data[0].metadata.to_dict() == {"line": "1"}
    assert filled.metadata is not None
    assert filled.metadata.to_dict() == {"lines": "2"}
    removed = client.v1.invoices.remove_lines(
        invoice.id, {"lines": [{"id": filled.lines.data[0].id, "behavior": "delete"}]}
    )
    assert (removed.total, len(client.v1.invoice_items.list({"invoice": invoice.id}).data)) == (300, 1)


def test_an_invoice_takes_at_most_250_lines(client: stripe.StripeClient, control: Control) -> None:
    invoice = draft(client)
    client.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 1}] * 250})
    with pytest.raises(stripe.InvalidRequestError, match="at most 250"):
        client.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 1}]})
    assert client.v1.invoices.retrieve(invoice.id).total == 250
    assert len(control.objects("line_item")) == 250


def test_pending_items_are_left_alone_unless_asked_for(client: stripe.StripeClient) -> None:
    owner = customer(client)
    for amount in (100, 200):
        client.v1.invoice_items.create({"customer": owner.id, "amount": amount, "currency": "usd"})
    assert draft(client, customer=owner.id).total == 0
    assert draft(client, customer=owner.id, pending_invoice_items_behavior="exclude").total == 0
    taken = draft(client, customer=owner.id, pending_invoice_items_behavior="include")
    assert [line.amount for line in taken.lines.data] == [200, 100]
    assert client.v1.invoice_items.list({"customer": owner.id, "pending": True}).data == []


def test_items_are_changed_and_deleted_while_their_invoice_is_a_draft(client: stripe.StripeClient) -> None:
    invoice = draft(client, 100, 200)
    first, second = reversed(client.v1.invoice_items.list({"invoice": invoice.id}).data)
    client.v1.invoice_items.update(first.id, {"amount": 150, "description": "Corrected"})
    client.v1.invoice_items.delete(second.id)
    after = client.v1.invoices.retrieve(invoice.id)
    assert [(line.amount, line.description) for line in after.lines.data] == [(150, "Corrected")]
    assert after.total == 150


def test_a_unit_price_with_fractions_of_a_cent_is_rounded_once(client: stripe.StripeClient) -> None:
    owner = customer(client)
    item = client.v1.invoice_items.create(
        {"customer": owner.id, "currency": "usd", "unit_amount_decimal": Decimal("0.125"), "quantity": 1_001}
    )
    assert (item.amount, item.quantity) == (125, 1_001)


def test_sending_needs_an_address(client: stripe.StripeClient) -> None:
    nameless = client.v1.customers.create({"name": "No address"})
    with pytest.raises(stripe.InvalidRequestError, match="Missing email"):
        draft(client, customer=nameless.id)
    assert client.v1.invoices.list({"customer": nameless.id}).data == []


def test_sending_a_draft_finalizes_it(client: stripe.StripeClient) -> None:
    invoice = draft(client, 1_000)
    assert client.v1.invoices.send_invoice(invoice.id).status == "open"
    assert client.v1.events.list({"type": "invoice.sent"}).data[0].data.object["id"] == invoice.id


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"collection_method": "send_invoice"}, "you must specify 'due_date' or 'days_until_due'"),
        ({"days_until_due": 3}, "can only specify 'due_date' or 'days_until_due'"),
        ({"collection_method": "send_invoice", "days_until_due": 3, "due_date": 4_000_000_000}, "only specify one"),
        ({"collection_method": "send_invoice", "due_date": 1_000_000_000}, "in the future"),
    ],
)
def test_terms_that_contradict_themselves(client: stripe.StripeClient, terms: dict[str, object], words: str) -> None:
    owner = customer(client)
    with pytest.raises(stripe.InvalidRequestError, match=words):
        client.v1.invoices.create(cast(InvoiceCreateParams, {"customer": owner.id, **terms}))
    assert client.v1.invoices.list().data == []


def test_an_invoice_that_advances_by_itself_is_final_after_an_hour(
    client: stripe.StripeClient, control: Control
) -> None:
    waiting, idle = draft(client, 1_000, auto_advance=True), draft(client, 1_000)
    assert waiting.automatically_finalizes_at == waiting.created + 3_601
    assert control("POST", "/stripe/advance", seconds=3_000)["finalized"] == 0
    assert control("POST", "/stripe/advance", seconds=700)["finalized"] == 1
    assert client.v1.invoices.retrieve(waiting.id).status == "open"
    assert client.v1.invoices.retrieve(idle.id).status == "draft"


def test_lists_are_newest_first_filtered_and_paged(client: stripe.StripeClient) -> None:
    owner = customer(client)
    ids = [draft(client, customer=owner.id).id for _ in range(5)]
    draft(client, 100)
    client.v1.invoices.finalize_invoice(ids[0])
    first = client.v1.invoices.list({"customer": owner.id, "limit": 2})
    assert ([entry.id for entry in first.data], first.has_more) == ([ids[4], ids[3]], True)
    assert [entry.id for entry in first.auto_paging_iter()] == ids[::-1]
    before = client.v1.invoices.list({"customer": owner.id, "limit": 2, "ending_before": ids[1]})
    assert ([entry.id for entry in before.data], before.has_more) == ([ids[3], ids[2]], True)
    assert [entry.id for entry in client.v1.invoices.list({"customer": owner.id, "status": "paid"}).data] == [ids[0]]
    created = client.v1.invoices.retrieve(ids[0]).created
    assert client.v1.invoices.list({"created": {"lt": created}}).data == []
    assert len(client.v1.invoices.list({"customer": owner.id, "created": {"gte": created}}).data) == 5


def test_customers_are_found_by_address_until_they_are_deleted(client: stripe.StripeClient) -> None:
    owner = customer(client, metadata={"organization": "org_1", "gone": "soon"})
    customer(client, email="other@example.com")
    found = client.v1.customers.list({"email": "billing@example.com"}).data
    assert [entry.id for entry in found] == [owner.id]
    changed = client.v1.customers.update(owner.id, {"name": "Renamed", "metadata": {"gone": ""}})
    assert changed.name == "Renamed"
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"organization": "org_1"}
    client.v1.customers.delete(owner.id)
    assert client.v1.customers.list({"email": "billing@example.com"}).data == []
    assert client.v1.customers.retrieve(owner.id).to_dict()["deleted"] is True
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        draft(client, customer=owner.id)
