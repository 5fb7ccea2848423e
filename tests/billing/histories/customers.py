"""A small world of customers: what was agreed with each, what they earned and used, and what is noted about it."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, Meter
from common.clock import Month, previous_month
from common.errors import WorkError
from onlyfans.models import CreatorAccount
from tests.billing.histories.oracle import LEAST, WIRE, Agreement, Ledger
from tests.factories.billing import earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.staff import log_in
from tests.outside import Outside

LAST = previous_month()
MONTHS = [LAST.plus(-back) for back in range(3, 0, -1)]
WIDE = {"max_total_cents": 10**12, "max_change_percent": 10**9, "max_lines": 10_000}
LONG_AGO = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_AMOUNTS = (0, 1, 24, 250, 9_990, 12_345, 50_000, 123_457)

Action = Callable[[], str]


@dataclass
class Customer:
    """A customer, and the oracle's books about it."""

    agreement: Agreement
    organization: Organization
    in_stripe: bool
    meter: Meter
    creators: list[CreatorAccount]
    used: dict[Month, int] = field(default_factory=dict)
    # In Stripe, people granted so much credit; outside, this is what happened to each document.
    granted: int = 0
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def id(self) -> str:
        return self.organization.pk

    @property
    def account(self) -> BillingAccount:
        return BillingAccount.objects.get(organization=self.id)

    @property
    def wire(self) -> int:
        return WIRE.get(self.agreement.currency, 1)


class World:
    """Some customers, made from a seed; and what was done, refused and found wrong."""

    def __init__(self, seed: int, outside: Outside, size: int) -> None:
        self.seed, self.random, self.outside = seed, Random(seed), outside
        self.log: list[str] = []
        self.faults: list[str] = []
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.heard: set[str] = set()
        # E-mails, by their number in the mailbox, that were read.
        self.read: set[int] = set()
        # Somebody who may look at pages.
        self.reader = log_in("Read only")
        # Stripe invoices about which people did something there that a person must settle here.
        self.by_hand: set[str] = set()
        # Whether people have done all that they were told to do.
        self.is_settled = False
        # Months of which a run left Stripe out, so that e-mails asked for all before Stripe used a balance.
        self.without_stripe: set[Month] = set()
        self.earned: dict[tuple[int, Month], tuple[int, int]] = {}
        self.customers: list[Customer] = []
        for place in range(size):
            self._make_customer(place)

    def _make_customer(self, place: int) -> None:
        pick = self.random.choice
        currency = pick(["USD"] * 6 + ["JPY", "KWD", "UGX"])
        step = LEAST.get(currency, 1)
        agreement = Agreement(
            currency=currency,
            brackets=pick([((0, 2000),), ((0, 1800), (5_000, 1500), (20_000, 1000)), ((1_000, 1000),)]),
            base_fee=pick([0, 0, 500, 4_900]),
            minimum=pick([0, 0, 50 * step]),
            maximum=pick([None, None, 15_000]),
            by_net=pick([False, True]),
            tax_bps=pick([0, 0, 2000, 1925]),
            unit_price=pick([0, 10]),
            included=pick([0, 3]),
        )
        plan = make_plan(
            agreement.brackets,
            currency=currency,
            base_fee_cents=agreement.base_fee,
            minimum_commission_cents=agreement.minimum,
            maximum_commission_cents=agreement.maximum,
            commission_basis="net" if agreement.by_net else "gross",
            issue_zero_invoices=pick([False, True]),
        )
        meter = price_meter(plan, f"meter-{self.seed}-{place}", str(agreement.unit_price), str(agreement.included))
        in_stripe = self.random.random() < 0.75
        # Some are held from the start, until somebody approves or rejects them.
        limits = {**WIDE, "max_total_cents": 0} if self.random.random() < 0.25 else WIDE
        account = {**limits, "tax_rate_bps": agreement.tax_bps, "deliver_stripe": in_stripe, "due_since": LONG_AGO}
        made = make_organization(plan, account=account, currency=currency, created_at=LONG_AGO)
        creators = [make_creator(made) for _ in range(pick([1, 1, 2]))]
        self.customer = Customer(agreement, made, in_stripe, meter, creators)
        self.customers.append(self.customer)
        for creator in creators:
            for month in MONTHS[: pick([1, 2, 3])]:
                self._earn(creator, month)

    # What is noted

    def note(self, what: str) -> None:
        if what:
            self.log.append(what)

    def fault(self, what: str) -> None:
        self.faults.append(what)

    def refuse(self, what: str, error: Exception) -> str:
        """Note that something was refused, and why."""
        said = re.sub(r"[A-Z]+-[0-9-]+|\b(in|org|cn)_\w+|[0-9][0-9.,]*", "#", str(error))[:200]
        self.refused[f"{what}: {said}"] += 1
        return f"{what} refused: {error}"

    def attempt(self, what: str, about: object, action: Callable[[], Any]) -> str:
        """Do something that the program may refuse; count it where it took effect."""
        try:
            action()
        except WorkError as error:
            return self.refuse(what, error) + f" ({about})"
        self.done[what] += 1
        return f"{what} {about}"

    def choose(self, **where: Any) -> Invoice | None:
        """Choose one of the customer's documents."""
        found = list(Invoice.objects.filter(organization=self.customer.id, **where).order_by("id"))
        return self.random.choice(found) if found else None

    def choose_part(self, cents: int) -> int:
        """Choose all or a part of an amount in Stripe, as it can be charged there."""
        factor = self.customer.wire * self.customer.agreement.step
        return max(self.random.choice([cents, cents // 2, cents // 5]) // factor * factor, factor)

    # Figures

    def _earn(self, creator: CreatorAccount, month: Month) -> str:
        gross = self.random.choice([*_AMOUNTS, self.random.randrange(200_000)])
        if self.random.random() < 0.25:
            gross = -gross
        net = gross * 8 // 10
        category, other = ("tips", "chargebacks") if gross >= 0 else ("chargebacks", "tips")
        currency = self.customer.agreement.currency
        with transaction.atomic():
            earn(creator, month, gross, category, net, currency=currency)
            earn(creator, month, 0, other, 0, currency=currency)
        self.earned[creator.pk, month] = gross, net
        return f"creator {creator.pk} earns {gross} in {month}"

    def change_figures(self) -> str:
        """Let figures of a month come late, or be corrected."""
        if not self.customer.creators:
            return ""
        self.done["late figures"] += 1
        return self._earn(self.random.choice(self.customer.creators), self.random.choice(MONTHS))

    def use_meter(self) -> str:
        customer, month = self.customer, self.random.choice(MONTHS)
        customer.used[month] = quantity = self.random.randrange(40)
        use(customer.organization, customer.meter, month, str(quantity))
        self.done["usage"] += 1
        return f"used {quantity} in {month}"

    def move_creator(self) -> str:
        """Move a creator to another customer of the same terms' currency; one that was billed stays."""
        customer, other = self.customer, self.random.choice(self.customers)
        if other.agreement.currency != customer.agreement.currency or customer is other or not customer.creators:
            return ""
        creator = self.random.choice(customer.creators)
        creator.organization = other.organization
        try:
            with transaction.atomic():
                creator.save(update_fields=["organization"])
        except IntegrityError as error:
            creator.organization = customer.organization
            return self.refuse("move a creator", error)
        customer.creators.remove(creator)
        other.creators.append(creator)
        self.done["move a creator"] += 1
        return f"creator {creator.pk} moves to {other.id}"
