"""A small business of which one month is to be billed, with something wrong in it for somebody to repair."""

from dataclasses import dataclass

from accounts.models import Organization
from common.clock import Month, previous_month
from onlyfans.models import CreatorAccount
from tests.factories.billing import make_creator, make_organization, make_plan
from tests.outside import Outside


@dataclass(frozen=True)
class Business:
    """Whom the tests speak of, and the month."""

    month: Month
    aurora: Organization
    cafe: Organization
    night: Organization
    quartz: Organization
    lapsed: CreatorAccount


def make_business(outside: Outside) -> Business:
    """Make four customers who pay USD 49.00 a month and 20 % of what their creators gross.

    Aurora comes to USD 394.80 with tax. Café comes to USD 109.00 and has no e-mail address. Nachtfalter comes to
    USD 89.00, once Nora's expired credentials are replaced. Quartz comes to USD 1,049.00, above its limit.
    """
    month = previous_month()
    plan = make_plan(((0, 2000),), name="Studio", base_fee_cents=4900, commission_basis="gross")

    def connect(organization: Organization, name: str, has_lapsed: bool = False, **cents: int) -> CreatorAccount:
        account = name.split(maxsplit=1)[0].lower()
        outside.seed(account, month, **cents)
        token = f"expired-{account}" if has_lapsed else f"valid-{account}"
        return make_creator(organization, display_name=name, onlyfans_user_id=account, credentials={"token": token})

    aurora = make_organization(plan, id="org_aurora", name="Aurora Talent", account={"tax_rate_bps": 2000})
    connect(aurora, "Ada Aurora", tips=100_000)
    connect(aurora, "Bea Aurora", subscriptions=50_000, chargebacks=-10_000)
    cafe = make_organization(plan, id="org_cafe", name="Café Crème Créations", email="")
    connect(cafe, "Coralie Crème", messages=30_000)
    night = make_organization(plan, id="org_night", name="Nachtfalter GmbH")
    lapsed = connect(night, "Nora Nacht", has_lapsed=True, tips=20_000)
    quartz = make_organization(plan, id="org_quartz", name="Quartz Agency", account={"max_total_cents": 50_000})
    connect(quartz, "Quinn Quartz", tips=500_000)
    return Business(month, aurora, cafe, night, quartz, lapsed)
