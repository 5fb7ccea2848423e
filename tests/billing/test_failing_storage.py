"""The storage is down, misnamed or full of something else: no invoice is lost, none is stored or numbered twice."""

import hashlib
from pathlib import Path

import pytest
from django.core.files.storage import storages
from pytest_django import Settings

from billing.models import Invoice, InvoiceDelivery
from billing.services.delivering import deliver_email, open_pdf
from billing.services.delivering.claims import Parcel
from common.errors import Permanent, Retryable
from huntaze.settings import keep_in_s3
from tests.billing.street import Street
from tests.factories.holders import hold
from tests.factories.invoices import make_invoice, store_pdf
from tests.outside import Outside, store_in
from tests.s3 import BUCKET, S3


def address(settings: Settings, endpoint: str, bucket: str = BUCKET) -> None:
    """Store in S3 at this endpoint, as production would."""
    settings.INVOICE_ENABLE_S3, settings.INVOICE_S3_BUCKET = True, bucket
    settings.STORAGES = {**settings.STORAGES, "invoices": keep_in_s3(bucket, "eu-west-1", endpoint)}


@pytest.fixture
def s3(bucket: S3, settings: Settings) -> S3:
    """The bucket, as where invoices are kept."""
    address(settings, bucket.endpoint)
    return bucket


@pytest.fixture
def street(wired: Outside) -> Street:
    return Street(wired)


def check_stored(s3: S3) -> None:
    """One object an invoice, under its number, whose bytes are those that were made."""
    made = {
        f"invoices/2026/08/{row.invoice.number}.pdf": row.detail["sha256"]
        for row in InvoiceDelivery.objects.filter(step="pdf").select_related("invoice")
    }
    assert {key: hashlib.sha256(body).hexdigest() for key, body in s3.read().items()} == made
    stored = InvoiceDelivery.objects.filter(step="store", status="done")
    assert {row.reference: row.detail["sha256"] for row in stored} == made
    assert {row.detail["bucket"] for row in stored} == {BUCKET}


@pytest.mark.django_db(transaction=True)
def test_s3_as_it_should_go(street: Street, s3: S3) -> None:
    assert street.bill().status == "succeeded"
    street.check_delivered(*street.organizations)
    check_stored(s3)


@pytest.mark.django_db(transaction=True)
def test_s3_is_down(street: Street, s3: S3, settings: Settings) -> None:
    address(settings, "http://127.0.0.1:9")
    run = street.bill()
    assert (run.status, run.failed) == ("failed", 3)
    assert set(run.items.values_list("step", "error")) == {
        ("store", "The storage can't be reached (EndpointConnectionError).")
    }
    assert run.summary["errors"] == {"generate": 0, "pdf": 0, "storage": 3, "stripe": 0, "email": 0}
    seen = street.look_at_all()
    assert [one.counts for one in seen] == [(1, 0, 1, 0)] * 3
    shas = dict(InvoiceDelivery.objects.filter(step="pdf").values_list("invoice", "detail__sha256"))
    address(settings, s3.endpoint)
    again = street.rerun(run)
    assert (again.status, again.done) == ("succeeded", 3)
    street.check_delivered(*street.organizations)
    check_stored(s3)
    # What was made before is what is stored, though it was laid out once more.
    assert dict(InvoiceDelivery.objects.filter(step="pdf").values_list("invoice", "detail__sha256")) == shas
    assert [one.numbers for one in street.look_at_all()] == [one.numbers for one in seen]


@pytest.mark.django_db(transaction=True)
def test_a_bucket_that_is_missing_stops_the_run_and_blames_nobody(street: Street, s3: S3, settings: Settings) -> None:
    address(settings, s3.endpoint, "no-such-bucket")
    run = street.bill()
    assert (run.status, run.failed, run.missing) == ("failed", 0, 3)
    assert run.error == "The storage refuses us (NoSuchBucket): check INVOICE_S3_BUCKET and the AWS keys."
    numbers = sorted(Invoice.objects.values_list("number", flat=True), key=str)
    address(settings, s3.endpoint)
    assert street.rerun(run, "missing").status == "succeeded"
    street.check_delivered(*street.organizations)
    check_stored(s3)
    assert sorted(Invoice.objects.values_list("number", flat=True), key=str) == numbers


@pytest.mark.django_db(transaction=True)
def test_the_folder_can_not_be_written(street: Street, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store_in(settings, tmp_path / "file")
    run = street.bill()
    assert set(run.items.values_list("step", "error")) == {
        ("store", "The storage can't be reached (NotADirectoryError).")
    }
    store_in(settings, tmp_path)
    assert street.rerun(run).status == "succeeded"
    street.check_delivered(*street.organizations)


@pytest.mark.django_db
def test_a_file_that_is_lost_is_laid_out_again(wired: Outside) -> None:
    invoice = make_invoice()
    content = store_pdf(invoice)
    storages["invoices"].delete(invoice.deliveries.get(step="store").reference)
    assert open_pdf(invoice) == content


@pytest.mark.django_db
def test_a_lost_file_of_a_former_layout_is_not_replaced_by_another(wired: Outside) -> None:
    invoice = make_invoice()
    store_pdf(invoice)
    stored = invoice.deliveries.get(step="store")
    storages["invoices"].delete(stored.reference)
    InvoiceDelivery.objects.filter(pk=stored.pk).update(detail={**stored.detail, "sha256": "0" * 64})
    with pytest.raises(Permanent) as raised:
        open_pdf(invoice)
    assert raised.value.message == (
        f"The PDF of {invoice} is gone from the storage, and today's layout is another: restore "
        f"{stored.reference} from a backup."
    )
    with pytest.raises(Permanent, match="is gone from the storage"):
        deliver_email(Parcel(invoice.pk, hold()))
    assert wired.list_mails() == []


@pytest.mark.django_db
def test_a_file_that_was_changed_is_not_handed_out(wired: Outside) -> None:
    invoice = make_invoice()
    store_pdf(invoice)
    path = Path(storages["invoices"].path(invoice.deliveries.get(step="store").reference))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Permanent) as raised:
        open_pdf(invoice)
    assert raised.value.message == f"The PDF of {invoice} is not the one that was stored: its checksum differs."
    with pytest.raises(Permanent, match="checksum differs"):
        deliver_email(Parcel(invoice.pk, hold()))
    assert wired.list_mails() == []


@pytest.mark.django_db
def test_what_is_not_stored_yet_is_not_handed_out(wired: Outside) -> None:
    invoice = make_invoice()
    with pytest.raises(Permanent, match=f"There is no stored PDF of {invoice} yet"):
        open_pdf(invoice)


@pytest.mark.django_db
def test_s3_lost_or_changed_it(wired: Outside, s3: S3, settings: Settings) -> None:
    invoice = make_invoice()
    content = store_pdf(invoice)
    (key,) = s3.read()
    assert open_pdf(invoice) == content
    s3.put(key, content + b"x")
    with pytest.raises(Permanent, match="checksum differs"):
        open_pdf(invoice)
    s3.delete(key)
    assert open_pdf(invoice) == content
    address(settings, "http://127.0.0.1:9")
    with pytest.raises(Retryable, match=r"The storage can't be reached \(EndpointConnectionError\)"):
        open_pdf(invoice)
    # Something answers that is no S3.
    address(settings, f"{wired.stripe_url}/v1")
    with pytest.raises(Retryable, match=r"The storage failed \(401\)"):
        open_pdf(invoice)
