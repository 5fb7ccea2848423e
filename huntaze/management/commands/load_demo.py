"""Fill an empty installation with a small business that has something of everything."""

import datetime as dt
import random
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import CommandParser
from django.db import transaction

from accounts.models import Organization, User
from alerts.models import Channel, Rule, Severity
from alerts.services.channels import ensure_default, read_config
from analytics.models import ProviderSnapshot
from billing.models import (
    BillingAccount,
    CommissionBracket,
    Meter,
    MeterPrice,
    Plan,
    UsageEvent,
)
from billing.services.parking import park_account
from billing.services.usage import aggregate_hour, list_hours_to_aggregate
from common.clock import Month, now, previous_month
from common.commands import OneLineCommand, refuse
from huntaze.demo_history import add_former_earnings, add_snapshots, add_up, add_versions, bring_month
from huntaze.demo_log_ins import LOG_INS, PASSWORD, STAFF
from huntaze.demo_past import bill_former_month, pay_by_transfer
from jobs.services.announcing import JOB_COMPLETED
from onlyfans.models import CreatorAccount
from onlyfans.services.ingesting import ingest_aggregates

ORGANIZATIONS = (
    "Aurora Talent", "Bright & Bold Media", "Café Crème Créations", "Dolce Vita Management", "Élan Vital Studio",
    "Fjord Creative ApS", "Грация Продакшн", "Häuser & Söhne Medien", "Ísafold Artists", "Jade Garden 翡翠花园",
    "Kawaii 株式会社", "Lumière Noire", "Maison Ångström", "Nomad Pixels", "Ocean Drive Collective",
    "Ψηφιακή Αυγή", "Quartz Agency", "Río Bravo Talentos", "Studio Żółw", "Tiny Giants",
    "Umbra Partners with a name so long that every table, letter and narrow phone has to cope with it",
    "Velvet Room", "Wild Heart Media", "서울 스타 에이전시",
)  # fmt: skip
MONTHS_BEFORE = 11
_CATEGORIES = {"subscriptions": 60, "tips": 15, "messages": 35, "posts": 8, "streams": 6, "referrals": 2}


class Command(OneLineCommand):
    """Loads the demo's data once; run again, it changes nothing."""

    help = "Load demo data into an empty development installation; idempotent."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where ended runs are told."""
        parser.add_argument("--webhooks", metavar="URL", default="", help="Tell ended runs to this address.")
        parser.add_argument("--webhook-secret", metavar="SECRET", default="", help="Sign them by this.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load what is not there and say how to log in."""
        if not settings.DEBUG:
            raise refuse("The demo's passwords are public: it is loaded only where DEBUG is on.")
        self._load()
        if options["webhooks"]:
            tell_ended_runs(options["webhooks"], options["webhook_secret"])
        self.stdout.write(LOG_INS)

    def _load(self) -> None:
        """Load what is missing, so that who was stopped goes on from there."""
        month = previous_month()
        if not Organization.objects.exists():
            self._create(month)
        elif not Organization.objects.filter(pk="org_demo01").exists():
            # Somebody else's business is left alone.
            return
        for hour in list_hours_to_aggregate(now()):
            aggregate_hour(hour)
        if ProviderSnapshot.objects.exists():
            return
        for done, back in enumerate(range(MONTHS_BEFORE, 0, -1), start=1):
            former = month.plus(-back)
            self.stdout.write(f"Billing {former.label}: month {done} of {MONTHS_BEFORE} …")
            self.stdout.flush()
            bill_former_month(former, is_last=back == 1)
        make_it_interesting()
        self.stdout.write("Adding two years of figures …")
        self.stdout.flush()
        add_former_earnings(MONTHS_BEFORE, _CATEGORIES, month)
        add_versions("demo011", month.plus(-1))
        add_snapshots(now())
        add_up()

    @transaction.atomic
    def _create(self, month: Month) -> None:
        # The same business for everybody who looks at it.
        chance = random.Random(2026)  # noqa: S311
        create_staff()
        plans = create_plans()
        for number, name in enumerate(ORGANIZATIONS):
            create_organization(number, name, plans[number % len(plans)], month, chance)
        pay_by_transfer()


@transaction.atomic
def tell_ended_runs(url: str, secret: str) -> None:
    """Make a channel for signed webhooks, wherever their receiver is today, and a rule that tells it of ended runs."""
    ensure_default()
    config, shown_as = read_config(Channel.Kind.WEBHOOK, {"url": url, "secret": secret}, {})
    values = {"kind": Channel.Kind.WEBHOOK, "config": config, "shown_as": shown_as}
    channel, is_new = Channel.objects.update_or_create(name="Webhooks of ended runs", defaults=values)
    if is_new:
        rule = Rule.objects.create(name="Ended runs", kinds=[JOB_COMPLETED.name], min_severity=Severity.INFO)
        rule.channels.add(channel)


def create_staff() -> None:
    """Create one member of staff a group, and a superuser."""
    User.objects.create_superuser("admin@huntaze.test", PASSWORD, name="Ada Admin")
    for email, (name, group) in STAFF.items():
        user = User.objects.create_user(email, PASSWORD, name=name, is_staff=True)
        user.groups.add(Group.objects.get(name=group))


def create_plans() -> list[Plan]:
    """Create three plans that differ in everything a plan can differ in."""
    messages = Meter.objects.create(code="messages", unit_name="message")
    tokens = Meter.objects.create(code="ai_tokens", unit_name="AI token")
    starter = Plan.objects.create(code="starter", name="Starter", commission_basis="net", commission_free_months=1)
    growth = Plan.objects.create(
        code="growth", name="Growth", base_fee_cents=4900, commission_basis="net", minimum_commission_cents=500
    )
    agency = Plan.objects.create(
        code="agency", name="Agency", base_fee_cents=29900, commission_basis="gross", maximum_commission_cents=250_000
    )
    brackets = {
        starter: ((0, 2000),),
        growth: ((0, 1800), (500_000, 1500), (2_000_000, 1000)),
        agency: ((100_000, 1250), (750_000, 733)),
    }
    for plan, parts in brackets.items():
        for from_cents, rate_bps in parts:
            CommissionBracket.objects.create(plan=plan, from_cents=from_cents, rate_bps=rate_bps)
        included = {starter: 500, growth: 2_000, agency: 10_000}[plan]
        MeterPrice.objects.create(
            plan=plan, meter=messages, included_quantity=included, unit_price_cents=Decimal("0.25")
        )
        MeterPrice.objects.create(plan=plan, meter=tokens, unit_price_cents=Decimal("0.00012345"))
    return list(brackets)


def create_organization(number: int, name: str, plan: Plan, month: Month, chance: random.Random) -> None:
    """Create an organization with its account, creators, a year of earnings and a month of usage."""
    organization = Organization.objects.create(
        id=f"org_demo{number + 1:02}",
        name=name,
        email=f"billing{number + 1:02}@example.test",
        created_at=month.plus(-MONTHS_BEFORE - 2).starts_at,
    )
    BillingAccount.objects.create(
        organization=organization,
        plan=plan,
        address=f"{number + 1} Harbour Street\nDublin D02 X{number + 10}\nIreland",
        tax_rate_bps=chance.choice([0, 0, 2000, 2300]),
    )
    for place in range(chance.choice([1, 1, 2, 2, 3, 5])):
        creator = CreatorAccount.objects.create(
            organization=organization,
            onlyfans_user_id=f"demo{number + 1:02}{place + 1}",
            display_name=f"{name.split(maxsplit=1)[0]} {('Star', 'Muse', 'Wave', 'Echo', 'Nova')[place]}",
            created_at=month.plus(-MONTHS_BEFORE).starts_at,
            credentials={"token": f"demo-token-{number + 1}-{place + 1}"},
        )
        add_earnings(creator, month, chance)
    add_usage(organization, month, chance)


def add_earnings(creator: CreatorAccount, month: Month, chance: random.Random) -> None:
    """Add the earnings of the months before; those of the last month are the gateway's to give."""
    size = chance.randint(15_000, 130_000)
    rows = []
    for back in range(MONTHS_BEFORE, 0, -1):
        season = 100 + 4 * (MONTHS_BEFORE - back) + chance.randint(-15, 15)
        earned = {category: size * weight * season // 2000 for category, weight in _CATEGORIES.items()}
        if chance.random() < 0.3:
            earned["chargebacks"] = -size * chance.randint(1, 20) // 20
        rows.append(bring_month(creator.onlyfans_user_id, month.plus(-back), earned))
    ingest_aggregates(rows, now())


def add_usage(organization: Organization, month: Month, chance: random.Random) -> None:
    """Add metered events of the last month."""
    rows = []
    for code, most in (("messages", 900), ("ai_tokens", 400_000)):
        meter = Meter.objects.get(code=code)
        for event in range(12):
            at = month.starts_at + dt.timedelta(minutes=chance.randint(0, 27 * 24 * 60))
            key = f"{organization.pk}-{code}-{event}"
            quantity = chance.randint(1, most)
            rows.append(
                UsageEvent(
                    organization=organization, meter=meter, quantity=quantity, occurred_at=at, idempotency_key=key
                )
            )
    UsageEvent.objects.bulk_create(rows)


@transaction.atomic
def make_it_interesting() -> None:
    """Let some organizations need a person: a refused address, expired credentials, a leap, a parked one."""
    BillingAccount.objects.filter(organization="org_demo05").update(invoice_email="nobody@refused.invalid")
    for creator in CreatorAccount.objects.filter(organization="org_demo09"):
        creator.credentials = {"token": "expired-demo-token"}
        creator.save(update_fields=["credentials"])
    BillingAccount.objects.filter(organization="org_demo12").update(max_total_cents=50_000)
    account = BillingAccount.objects.get(organization="org_demo18")
    if not account.is_parked:
        park_account(account.pk, actor=None, reason="The customer disputes the last contract; legal is on it.")
    Organization.objects.filter(pk="org_demo22").update(status=Organization.Status.SUSPENDED)
