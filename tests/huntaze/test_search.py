"""The search above the sidebar finds what somebody may see, and nothing else."""

import pytest
from django.urls import reverse
from pytest_django import Settings

from tests.factories.billing import AUGUST, make_creator, make_organization
from tests.factories.invoices import make_invoice
from tests.factories.ledger import make_run
from tests.factories.runs import bill
from tests.factories.staff import log_in, make_staff


@pytest.fixture(autouse=True)
def _nothing_remembered(settings: Settings) -> None:
    """Remember nothing: the theme keeps results for minutes, which is longer than between two runs of the tests."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


def _find(term: str, group: str = "Read only") -> str:
    return str(log_in(group).get(reverse("admin:search"), {"s": term}).content.decode())


@pytest.mark.django_db
def test_finds_organizations_creators_and_runs() -> None:
    organization = make_organization(name="Étoile", id="org_Star1")
    creator = make_creator(organization, display_name="Aurora", onlyfans_user_id="U-77")
    run = make_run()
    there = reverse("admin:accounts_organization_change", args=[organization.pk])
    for term in ("étoile", "TOIL", "org_star1"):
        assert f'href="{there}"' in _find(term)
    for term in ("auror", "u-77"):
        assert reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk]) in _find(term)
    assert reverse("admin:jobs_jobrun_change", args=[run.pk]) in _find(f"#{run.pk}")


@pytest.mark.django_db(transaction=True)
def test_finds_an_invoice_by_its_number() -> None:
    organization = make_organization()
    organization.billing_account.plan.base_fee_cents = 1000
    organization.billing_account.plan.save()
    bill(AUGUST)
    invoice = organization.invoices.get()
    assert reverse("admin:billing_invoice_change", args=[invoice.pk]) in _find(str(invoice.number).lower())


@pytest.mark.django_db
def test_finds_nothing_for_whoever_may_see_nothing_nor_for_nonsense() -> None:
    make_organization(name="Étoile")
    assert "Étoile" not in _find("étoile", group="")
    for term in ("\x00", "#", "9" * 40, "%", "_", "é"):
        assert "Étoile" not in _find(term)


@pytest.mark.django_db
def test_finds_pages_and_actions_that_somebody_may_open() -> None:
    found = _find("invoice", "Finance")
    assert f'href="{reverse("admin:billing_invoice_changelist")}"' in found
    assert f'href="{reverse("admin:jobs_jobrun_start_job", args=["deliver-invoices"])}"' in found
    assert f'href="{reverse("admin:billing_invoice_run")}"' in _find("run bill", "Finance")
    assert f'href="{reverse("admin:billing_plan_add")}"' in _find("add pla", "Finance")
    assert f'href="{reverse("admin:dashboard", args=["fans"])}"' in _find("fans over")


@pytest.mark.django_db
def test_offers_nobody_what_they_may_not_do() -> None:
    for term in ("run bill", "add plan", "start monthly"):
        assert 'href="/admin/' not in _find(term)
    assert reverse("admin:second_step") in _find("two-factor", group="")
    assert reverse("admin:billing_invoice_changelist") not in _find("invoices", group="")


@pytest.mark.django_db
def test_finds_whose_address_it_is() -> None:
    organization = make_organization(
        name="Étoile", email="desk@etoile.test", account={"invoice_email": "pay@etoile.test"}
    )
    somebody = make_staff("Finance", name="Ada")
    assert reverse("admin:accounts_organization_change", args=[organization.pk]) in _find("desk@etoile")
    account = reverse("admin:billing_billingaccount_change", args=[organization.billing_account.pk])
    assert account in _find("pay@etoile.test")
    assert reverse("admin:accounts_user_change", args=[somebody.pk]) in _find(somebody.email, "Operations")


@pytest.mark.django_db
def test_finds_an_invoice_by_the_end_of_its_number() -> None:
    invoice = make_invoice()
    series, number = str(invoice.number).rsplit("-", 1)
    there = reverse("admin:billing_invoice_change", args=[invoice.pk])
    assert there in _find(str(int(number)))
    assert there in _find(f"{series.lower()}-{int(number)}")
    assert there not in _find(f"{series}-{int(number) + 1}")
