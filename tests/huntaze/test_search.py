"""The search above the sidebar finds what somebody may see, and nothing else."""

import pytest
from django.urls import reverse
from pytest_django import Settings

from tests.factories.billing import AUGUST, make_creator, make_organization
from tests.factories.ledger import make_run
from tests.factories.runs import bill
from tests.factories.staff import log_in


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
