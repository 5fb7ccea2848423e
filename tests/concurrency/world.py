"""Organizations to bill, and what must be true of them whatever happened meanwhile."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
from mypy_boto3_s3 import S3Client

from billing.models import CommissionStatement, Invoice, InvoiceDelivery, NumberSeries
from billing.services.books import identify
from jobs.models import JobItem, JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan, price_meter, use

BUCKET, RESULTS = "invoices", "results"
STEPS = ["pdf", "store", "stripe", "email"]


@dataclass(frozen=True)
class World:
    """Two organizations of one experiment and what each of them owes for the month, in cents."""

    totals: dict[str, int]
    addresses: dict[str, str]

    @property
    def ids(self) -> list[str]:
        return sorted(self.totals)


def make_world(outside: "Outside") -> World:
    """One whose earnings must be pulled, who uses a meter and pays tax; and one whose earnings are there."""
    plan = make_plan(((0, 1000), (100_000, 500)), base_fee_cents=1000)
    meter = price_meter(plan, "messages", "1.5", included="100")
    first = make_organization(plan, account={"tax_rate_bps": 2000}, email=_address())
    pulled = make_creator(first, credentials={"token": "secret"})
    outside.earn(pulled.onlyfans_user_id, {"tips": [150_000, 120_000]})
    use(first, meter, AUGUST, "300")
    second = make_organization(plan, email=_address())
    for cents in (50_000, 25_000):
        earn(make_creator(second), AUGUST, cents)
    # 1,000 base, 10,000 + 1,000 commission, 200 × 1.5 = 300 usage, and 20 % tax; 1,000 base, 5,000 + 2,500 commission.
    return World({first.pk: 14_760, second.pk: 8500}, {first.pk: first.email, second.pk: second.email})


_numbers = count(1)


def _address() -> str:
    return f"finance{next(_numbers)}@example.test"


def start_billing(world: World, name: str = "monthly-billing", **params: Any) -> JobRun:
    """Start the month for the organizations of a world."""
    job = get_job(name)
    given = {"month": AUGUST, "organizations": world.ids, **params}
    run, created = start(job, read_params(job, given), JobRun.Trigger.COMMAND)
    assert created
    return run


class Outside:
    """Stripe, the gateway, the mail server and the storage, as one can look at them from there."""

    def __init__(self, control: httpx.Client, s3: S3Client) -> None:
        self.control, self.s3 = control, s3

    def reset(self) -> None:
        """Let the outside forget everything."""
        self.tell("POST", "/reset")
        # The sandbox has tests of its own for that, and here it would take a third of the time.
        self.tell("PUT", "/stripe/checks", answers=False)
        for key in self.list_files():
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def tell(self, method: str, path: str, **body: Any) -> Any:
        """Steer the sandbox."""
        answer = self.control.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def earn(self, account: str, cents: dict[str, list[int]]) -> None:
        """Let the gateway say that an account earned this, gross and net."""
        self.tell("PUT", f"/onlyfans/{account}/{AUGUST}", **cents)

    def list_objects(self, kind: str) -> list[dict[str, Any]]:
        """List what Stripe has of a kind."""
        found: list[dict[str, Any]] = self.control.get(f"/stripe/objects/{kind}").json()["data"]
        return found

    def list_mails(self) -> list[dict[str, Any]]:
        """List the mails that arrived, one entry a Message-ID."""
        found: list[dict[str, Any]] = self.control.get("/mail/messages").json()["messages"]
        return found

    def list_files(self) -> list[str]:
        """List what is stored."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def hash_file(self, key: str) -> str:
        """Compute the SHA-256 of what is stored."""
        return hashlib.sha256(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).hexdigest()


class Look:
    """One look at everything, inside and outside, and what is wrong with it, in sentences."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._invoices: defaultdict[str, list[Invoice]] = defaultdict(list)
        live = Invoice.objects.exclude(status__in=Invoice.DEAD).filter(corrects=None)
        for invoice in live.prefetch_related("lines", "deliveries"):
            self._invoices[invoice.organization_id].append(invoice)
        self._stripe: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for found in outside.list_objects("invoice"):
            self._stripe[found["metadata"].get("huntaze_document", "")].append(found)
        marks = [found["metadata"].get("huntaze_organization", "") for found in outside.list_objects("customer")]
        self._customers = [mark.rpartition("/")[2] for mark in marks]
        self._mails: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for mail in outside.list_mails():
            for recipient in mail["to"]:
                self._mails[recipient].append(mail)
        self._files = outside.list_files()

    def find_faults(self, world: World) -> list[str]:
        """Say what is wrong with the organizations of a world; nothing, if all is as without a crash."""
        return [fault for id_ in world.ids for fault in self._judge(id_, world.totals[id_], world.addresses[id_])]

    def _judge(self, organization: str, total: int, address: str) -> Iterable[str]:
        invoices = self._invoices[organization]
        if len(invoices) != 1:
            yield f"{organization} has {len(invoices)} live invoices"
        for invoice in invoices:
            yield from (f"{organization}: {fault}" for fault in self._judge_invoice(invoice, total))
        if (customers := self._customers.count(organization)) != 1:
            yield f"{organization} is {customers} customers in Stripe"
        sent = [d.reference for i in invoices for d in i.deliveries.all() if d.step == InvoiceDelivery.Step.EMAIL]
        got = [mail["message_id"] for mail in self._mails[address]]
        if sorted(got) != sorted(sent):
            yield f"{organization} got {len(got)} different e-mails instead of {len(sent)}"

    def _judge_invoice(self, invoice: Invoice, total: int) -> Iterable[str]:
        if (invoice.status, invoice.number is None, invoice.total_cents) != ("finalized", False, total):
            yield f"it is {invoice.status}, number {invoice.number}, {invoice.total_cents} cents instead of {total}"
        if sum(line.amount_cents for line in invoice.lines.all()) != invoice.total_cents:
            yield "its lines do not sum up to it"
        deliveries = {delivery.step: delivery for delivery in invoice.deliveries.all()}
        if {step: delivery.status for step, delivery in deliveries.items()} != dict.fromkeys(STEPS, "done"):
            yield f"its deliveries are {[(d.step, d.status, d.error) for d in deliveries.values()]}"
            return
        theirs = [(found["id"], found["status"], found["total"]) for found in self._stripe[str(identify(invoice))]]
        if theirs != [(deliveries["stripe"].reference, "open", total)]:
            yield f"Stripe has {theirs} for it"
        yield from self._judge_file(invoice, deliveries)

    def _judge_file(self, invoice: Invoice, deliveries: dict[str, InvoiceDelivery]) -> Iterable[str]:
        files = [name for name in self._files if name.endswith(f"/{invoice.number}.pdf")]
        if files != [deliveries["store"].reference]:
            yield f"the storage has {files} of it"
            return
        kept = {deliveries[step].detail["sha256"] for step in ("pdf", "store")}
        if kept != {self._outside.hash_file(files[0])}:
            yield "what is stored is not what was laid out"


def find_faults_everywhere() -> list[str]:
    """Say what is wrong with what all share: the numbers, and items that nobody will ever end."""
    faults = []
    for series in NumberSeries.objects.all():
        prefix = f"{series.prefix}-{series.year}-"
        numbers = Invoice.objects.filter(number__startswith=prefix).order_by("number").values_list("number", flat=True)
        if list(numbers) != [f"{prefix}{place:06}" for place in range(1, series.last_number + 1)]:
            faults.append(f"the series {prefix} has a gap or a double")
    if running := JobItem.objects.filter(status="running").count():
        faults.append(f"{running} items are running still")
    statements = CommissionStatement.objects.values_list("creator", "month")
    if len(set(statements)) != len(statements):
        faults.append("a creator's month has two statements")
    return faults
