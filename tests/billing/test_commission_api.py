"""The commission calculator over HTTP: exact, explained, for whoever may ask, and without anything written."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import Organization, User
from accounts.services.tokens import issue_tokens
from billing.models import Plan
from tests.factories.billing import make_organization, make_plan
from tests.factories.staff import make_staff

pytestmark = pytest.mark.django_db
KEY = "server-key-of-the-tests"
WORKED = json.loads((Path(__file__).resolve().parents[1] / "fixtures" / "commission.json").read_text())["cases"]


def _tips(gross: int, net: int) -> dict[str, Any]:
    return {"category": "tips", "grossCents": gross, "netCents": net}


TIPS = [{"category": "tips", "grossCents": 125_055, "netCents": 100_044}]


@pytest.fixture(autouse=True)
def key(settings: Settings) -> None:
    settings.API_KEYS = (KEY,)


@pytest.fixture
def plan() -> Plan:
    return make_plan(((0, 2_000), (50_000, 1_000)), code="rising", name="Rising")


@pytest.fixture
def organization(plan: Plan) -> Organization:
    return make_organization(plan)


def ask(caller: User | str | None = KEY, **body: Any) -> tuple[int, dict[str, Any]]:
    """Ask as a server with a key, as somebody with a token, or as nobody."""
    headers = {"x-api-key": caller} if isinstance(caller, str) else {}
    if isinstance(caller, User):
        headers["authorization"] = f"Bearer {issue_tokens(caller).access}"
    answer = Client().post("/api/billing/commission", body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def test_a_key_of_either_list_is_taken_and_no_other(plan: Plan, settings: Settings) -> None:
    settings.EVENTBRIDGE_API_KEYS = ("a-key-of-eventbridge",)
    asked: dict[str, Any] = {"plan": "rising", "month": "2026-10", "earnings": TIPS}
    assert [ask(caller, **asked)[0] for caller in (KEY, "a-key-of-eventbridge", "another-key")] == [200, 200, 403]


def test_answers_exactly_and_says_why(plan: Plan) -> None:
    status, answer = ask(plan="rising", month="2026-10", earnings=TIPS)
    assert status == 200
    assert answer.pop("timestamp").endswith("Z")
    assert answer == {
        "success": True, "plan": "rising", "planName": "Rising", "organization": None, "month": "2026-10",
        "currency": "USD", "basis": "net", "grossCents": 125_055, "netCents": 100_044, "carriedInCents": 0,
        "basisCents": 100_044, "commissionCents": 15_004, "commission": "USD 150.04", "carriedCents": 0,
        "slices": [
            {"fromCents": 0, "toCents": 50_000, "amountCents": 50_000, "rateBps": 2_000},
            {"fromCents": 50_000, "toCents": None, "amountCents": 50_044, "rateBps": 1_000},
        ],
        "explanation": [
            "Net earnings USD 1,000.44 (tips USD 1,000.44)",
            "20 % of the first USD 500.00 = USD 100.00",
            "10 % of the remaining USD 500.44 = USD 50.044",
            "Together USD 150.044, rounded to USD 150.04",
        ],
    }  # fmt: skip


def test_a_deficit_is_taken_off_and_carried(plan: Plan) -> None:
    answer = ask(plan="rising", earnings=TIPS, carriedInCents=-100_045)[1]
    assert (answer["basisCents"], answer["commissionCents"], answer["carriedCents"]) == (-1, 0, -1)


def test_free_months_count_from_the_creator_s_first() -> None:
    make_plan(code="free", commission_free_months=2)
    found = {
        since: ask(plan="free", month="2026-10", earnings=TIPS, creatorSince=since)[1]["commissionCents"]
        for since in ("2026-10", "2026-09", "2026-08", None)
    }
    assert found == {"2026-10": 0, "2026-09": 0, "2026-08": 20_009, None: 20_009}


def test_an_organization_s_own_terms_are_found(organization: Organization) -> None:
    answer = ask(organization=organization.pk, earnings=TIPS)[1]
    assert (answer["organization"], answer["plan"], answer["commissionCents"]) == (organization.pk, "rising", 15_004)


def test_members_ask_for_their_own_and_staff_for_any(organization: Organization) -> None:
    other = make_organization()
    member = User.objects.create_user("m@example.test", organization=organization)
    assert ask(member, earnings=TIPS)[1]["commissionCents"] == 15_004
    assert ask(member, organization=organization.pk, earnings=TIPS)[0] == 200
    for body in ({"organization": other.pk}, {"organization": "org_none"}, {"plan": "rising"}):
        status, answer = ask(member, **body, earnings=TIPS)
        assert (status, answer["error"]["code"]) == (403, "forbidden")
    staff = make_staff("Support")
    assert ask(staff, organization=other.pk, earnings=TIPS)[0] == ask(staff, plan="rising", earnings=TIPS)[0] == 200
    assert ask(User.objects.create_user("nobody@example.test"), earnings=TIPS)[0] == 403


def test_nobody_else_hears_anything(organization: Organization) -> None:
    assert ask(None, plan="rising", earnings=TIPS)[0] == 401
    assert ask("wrong", plan="rising", earnings=TIPS)[0] == 403
    headers = {"authorization": f"Bearer {KEY}"}
    body = {"plan": "rising", "earnings": TIPS}
    refused = Client().post("/api/billing/commission", body, content_type="application/json", headers=headers)
    assert refused.status_code == 401
    shown = Client().post(f"/api/billing/commission?x-api-key={KEY}", body, content_type="application/json")
    assert shown.status_code == 401


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"plan", "organization"}),
        ({"plan": "rising", "organization": "org_1"}, {"plan", "organization"}),
        ({"plan": "nothing"}, {"plan"}),
        ({"organization": "org_none"}, {"organization"}),
        ({"plan": "rising", "month": "2026-13"}, {"month"}),
        ({"plan": "rising", "carriedInCents": 1}, {"carriedInCents"}),
        ({"plan": "rising", "earnings": [{"category": "tips", "grossCents": 1}]}, {"earnings.0.netCents"}),
        ({"plan": "rising", "earnings": [{**TIPS[0], "netCents": 1.5}]}, {"earnings.0.netCents"}),
        ({"plan": "rising", "earnings": [{**TIPS[0], "netCents": 10**11 + 1}]}, {"earnings.0.netCents"}),
        ({"plan": "rising", "earnings": [{**TIPS[0], "category": "gifts"}]}, {"earnings.0.category"}),
        ({"plan": "rising", "earnings": TIPS * 2}, {"earnings.0.category", "earnings.1.category"}),
        ({"plan": "rising", "earnings": TIPS * 21}, {"earnings"}),
        ({"plan": "rising", "month": "2026-10", "creatorSince": "2026-11"}, {"creatorSince"}),
        ({"plan": "rising", "earnings": [_tips(100, 101)]}, {"earnings.0.netCents"}),
        ({"plan": "rising", "earnings": [_tips(-100, -101)]}, {"earnings.0.netCents"}),
    ],
    ids=lambda value: ", ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_what_does_not_fit_is_named(plan: Plan, body: dict[str, Any], fields: set[str]) -> None:
    status, answer = ask(**{"earnings": TIPS, **body})
    assert (status, set(answer["error"]["fields"])) == (400, fields)


@pytest.mark.parametrize(("gross", "net"), [(-100, -80), (0, -1), (0, 1), (1, -1), (100, 100), (-100, -100), (0, 0)])
def test_reversals_and_their_rounding_are_figures_like_others(plan: Plan, gross: int, net: int) -> None:
    status, answer = ask(plan="rising", earnings=[_tips(gross, net)], month="2026-10", creatorSince="2026-10")
    assert (status, answer["grossCents"], answer["netCents"]) == (200, gross, net)


def test_nothing_is_written(organization: Organization) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert ask(organization=organization.pk, earnings=TIPS)[0] == 200
    said = [query["sql"].split()[0] for query in queries]
    assert said and set(said) == {"SELECT"}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        assert ask(organization=organization.pk, earnings=TIPS)[0] == 200
        transaction.set_rollback(True)


@pytest.mark.parametrize("case", WORKED, ids=lambda case: case["name"])
def test_worked_examples_come_out_to_the_cent(case: dict[str, Any]) -> None:
    terms = {name: value for name, value in case["plan"].items() if name not in {"code", "brackets", "meters"}}
    make_plan(tuple((part["from_cents"], part["rate_bps"]) for part in case["plan"]["brackets"]), code="p", **terms)
    carried: dict[str, int] = {}
    since = {creator["id"]: creator["created_at"][:7] for creator in case["creators"]}
    for expected in case["expected"]:
        for one in expected["commissions"]:
            creator, month = one["creator"], expected["month"]
            earnings = [
                {"category": part["category"], "grossCents": part["gross_cents"], "netCents": part["net_cents"]}
                for part in case["earnings"]
                if (part["creator"], part["month"]) == (creator, month)
            ]
            question = {"plan": "p", "month": month, "earnings": earnings, "creatorSince": since[creator]}
            status, answer = ask(**question, carriedInCents=carried.get(creator, 0))
            assert status == 200, answer
            carried[creator] = answer["carriedCents"]
            assert (answer["commissionCents"], answer["carriedCents"]) == (
                one["commission_cents"], one["carried_cents"],
            )  # fmt: skip
