"""What the stand-in refuses: so that it cannot agree with a caller's mistakes, nor with its own."""

import base64
from typing import Any

import httpx
import pytest
import stripe

from sandbox.server import Sandbox
from sandbox.stripe.errors import StripeError
from sandbox.stripe.resources import OPERATIONS
from sandbox.stripe.world import Call
from sandbox.world import make_world
from tests.sandbox.build import customer, draft
from tests.sandbox.conftest import Control, make_client, plain


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"foo": "1"}, "parameter_unknown", "foo"),
        ({"address[planet]": "Mars"}, "parameter_unknown", "address[planet]"),
        ({"balance": "12.5"}, "parameter_invalid_integer", "balance"),
        ({"balance": ""}, "parameter_invalid_empty", "balance"),
        ({"address": "Main Street 1"}, None, "address"),
        ({"name[first]": "Zoë"}, None, "name"),
        ({"preferred_locales": "en"}, None, "preferred_locales"),
        ({"preferred_locales[1]": "en"}, None, "preferred_locales"),
        ({"tax_exempt": "maybe"}, None, "tax_exempt"),
        ({"name": "x" * 257}, None, "name"),
        ({"email": "nonsense"}, "email_invalid", "email"),
        ({"metadata[" + "k" * 41 + "]": "v"}, None, "metadata"),
        ({"metadata[k]": "v" * 501}, None, "metadata[k]"),
        ({f"metadata[k{number}]": "v" for number in range(51)}, None, "metadata"),
        ({"source": "tok_visa"}, "sandbox_unsupported", None),
    ],
)
def test_parameters_that_stripe_would_refuse(
    http: httpx.Client, control: Control, form: dict[str, str], code: str | None, param: str | None
) -> None:
    response = http.post("/stripe/v1/customers", data=form)
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error.get("param")) == (code, param)
    assert control.objects("customer") == []


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({}, "parameter_missing", "customer"),
        ({"amount": "5"}, "parameter_missing", "currency"),
        ({"currency": "usd"}, "parameter_missing", "amount"),
        ({"amount": "5", "currency": "USD"}, None, "currency"),
        ({"amount": "5", "currency": "doubloons"}, None, "currency"),
        ({"amount": "100000000", "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": "5", "currency": "usd", "quantity": "2"}, None, "quantity"),
        ({"amount": "5", "currency": "usd", "period[start]": "9"}, "parameter_missing", "period[end]"),
        ({"amount": "5", "currency": "usd", "invoice": "in_nowhere"}, "resource_missing", "invoice"),
        ({"unit_amount_decimal": "0.1234567890123", "currency": "usd"}, None, "unit_amount_decimal"),
    ],
)
def test_items_that_stripe_would_refuse(
    client: stripe.StripeClient, http: httpx.Client, form: dict[str, str], code: str | None, param: str
) -> None:
    owner = {"customer": customer(client).id} if form else {}
    response = http.post("/stripe/v1/invoiceitems", data={**owner, **form})
    error = response.json()["error"]
    assert (response.status_code, error.get("code"), error.get("param")) == (400, code, param)
    assert client.v1.invoice_items.list().data == []


def test_items_must_fit_their_invoice(client: stripe.StripeClient) -> None:
    invoice, stranger = draft(client), customer(client)
    wrong: list[dict[str, Any]] = [
        {"customer": stranger.id, "invoice": invoice.id, "amount": 5, "currency": "usd"},
        {"customer": str(invoice.customer), "invoice": invoice.id, "amount": 5, "currency": "eur"},
    ]
    for params in wrong:
        with pytest.raises(stripe.InvalidRequestError, match="does not match"):
            client.v1.invoice_items.create(params)  # type: ignore[arg-type]  # a TypedDict, built apart
    assert client.v1.invoices.retrieve(invoice.id).total == 0


def test_a_query_is_checked_like_a_form(http: httpx.Client) -> None:
    for query in ("limit=0", "limit=101", "limit=many", "color=red", "status=lost", "starting_after=in_nowhere"):
        response = http.get(f"/stripe/v1/invoices?{query}")
        assert response.status_code == 400, query
        assert response.json()["error"]["param"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("currency", "good", "bad", "words"),
    [
        ("ugx", 12_246_800, 122_468, "Currency UGX has become effectively zero-decimal and charged amounts must be"),
        ("isk", 500, 550, "Currency ISK has become effectively zero-decimal and charged amounts must be"),
        ("kwd", 5_120, 5_124, "Currency KWD has three decimals and charged amounts must be evenly divisible by 10"),
    ],
)
def test_amounts_that_can_not_be_charged_in_their_currency(
    client: stripe.StripeClient, currency: str, good: int, bad: int, words: str
) -> None:
    invoice = draft(client, good, currency=currency)
    assert invoice.total == good
    with pytest.raises(stripe.InvalidRequestError, match=words):
        client.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": bad}]})
    finalized = client.v1.invoices.finalize_invoice(invoice.id)
    assert finalized.total == good
    with pytest.raises(stripe.InvalidRequestError, match=words):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": bad % good})
    assert client.v1.credit_notes.list().data == []


def test_automatic_tax_needs_an_account_that_is_registered(client: stripe.StripeClient, control: Control) -> None:
    invoice = draft(client, 1_000)
    with pytest.raises(stripe.InvalidRequestError, match="You must have a valid origin address"):
        client.v1.invoices.update(invoice.id, {"automatic_tax": {"enabled": True}})
    control("PUT", "/stripe/tax", percent=20)
    taxed = client.v1.invoices.update(invoice.id, {"automatic_tax": {"enabled": True}})
    assert (taxed.subtotal, taxed.total, taxed.amount_due) == (1_000, 1_200, 1_200)
    assert [tax.amount for tax in taxed.total_taxes or []] == [200]


def test_a_new_invoice_inherits_its_customers_discount(client: stripe.StripeClient, control: Control) -> None:
    person = customer(client)
    control("POST", f"/stripe/customers/{person.id}/discount", percent_off=25)
    inherits, without = draft(client, 1_000, customer=person.id), draft(client, 1_000, customer=person.id, discounts="")
    assert (inherits.total, [part.amount for part in inherits.total_discount_amounts or []]) == (750, [250])
    assert (without.total, without.discounts) == (1_000, [])


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/stripe/v1/unicorns", 404, "Unrecognized request URL (GET: /v1/unicorns)"),
        ("POST", "/stripe/v1/invoices/in_1/pray", 404, "Unrecognized request URL"),
        ("GET", "/stripe/v1/subscriptions", 400, "The sandbox does not support"),
        ("GET", "/stripe/v1/customers/cus_nobody", 404, "No such customer: 'cus_nobody'"),
    ],
)
def test_addresses(http: httpx.Client, method: str, path: str, status: int, words: str) -> None:
    response = http.request(method, path)
    assert response.status_code == status
    assert words in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", None),
        ("sk_live_1234567890abcdef", None),
        ("sk_test_invalid", None),
        ("sk_test_expired_key", "api_key_expired"),
    ],
)
def test_keys_that_open_nothing(sandbox: Sandbox, key: str, code: str | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    response = plain.get(f"{sandbox.http_url}/stripe/v1/balance", headers=headers)
    assert response.status_code == 401
    assert response.json()["error"].get("code") == code
    assert not key or key not in response.text


def test_a_bad_key_is_an_authentication_error_to_the_library(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.AuthenticationError):
        make_client(sandbox, "sk_test_invalid").v1.balance.retrieve()
    assert client.v1.balance.retrieve().object == "balance"
    assert client.v1.accounts.retrieve_current().object == "account"


def test_basic_authorization_is_taken_too(sandbox: Sandbox) -> None:
    credentials = base64.b64encode(b"sk_test_basic:").decode()
    response = plain.get(f"{sandbox.http_url}/stripe/v1/balance", headers={"Authorization": f"Basic {credentials}"})
    assert response.status_code == 200


def test_answers_name_version_and_request(client: stripe.StripeClient, http: httpx.Client) -> None:
    answer = client.v1.balance.retrieve()
    assert answer.last_response is not None
    assert answer.last_response.headers["stripe-version"] == stripe.api_version
    assert str(answer.last_response.request_id).startswith("req_")
    for version in ("yesterday", "2024-06-20"):
        response = http.get("/stripe/v1/balance", headers={"Stripe-Version": version})
        assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


def test_expanding(client: stripe.StripeClient) -> None:
    invoice = draft(client, 100)
    full = client.v1.invoices.retrieve(invoice.id, {"expand": ["customer", "payments"]})
    assert isinstance(full.customer, stripe.Customer)
    assert full.payments is not None
    assert full.payments.data == []
    assert "payments" not in invoice.to_dict()
    listed = client.v1.invoices.list({"expand": ["data.customer"]}).data[0]
    assert isinstance(listed.customer, stripe.Customer)
    for path in ("number", "lines.data.nothing"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.invoices.retrieve(invoice.id, {"expand": [path]})


def test_fields_that_this_version_no_longer_has_are_absent(client: stripe.StripeClient) -> None:
    fields = draft(client, 100).to_dict()
    assert not {"charge", "payment_intent", "paid", "tax", "subscription", "discount"} & fields.keys()
    assert fields["parent"] is None


def test_an_event_that_stripe_would_not_send_is_an_error() -> None:
    world = make_world(None)
    stranger = {"object": "customer", "id": "cus_1", "created": 1, "livemode": False, "color": "red"}
    with pytest.raises(StripeError, match="does not fit Stripe's description"):
        world.stripe.world.emit("customer.created", stranger)
    assert world.store.count("stripe.events") == 0
    world.store.close()


def test_every_operation_is_one_of_stripes() -> None:
    world = make_world(None)
    assert set(world.stripe.world.spec.operations) == set(OPERATIONS)


@pytest.mark.parametrize("wrong", [{"color": "red"}, {"balance": "none"}, {"created": None}])
def test_an_answer_of_our_own_that_stripe_would_not_give_is_an_error(
    wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaces one operation of the stand-in by one that answers nonsense."""
    world = make_world(None)
    api = world.stripe
    good = OPERATIONS["POST /v1/customers"]
    monkeypatch.setitem(OPERATIONS, "POST /v1/customers", lambda world, call: {**good(world, call), **wrong})
    found = api.world.spec.find("POST", "/v1/customers")
    assert found is not None
    call = Call({}, {}, "/v1/customers")
    with pytest.raises(StripeError, match="does not fit Stripe's description"):
        api._work(found[0], call, None)
    world.store.close()
