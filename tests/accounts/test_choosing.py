"""Organizations are chosen by their names wherever one is chosen, and what is sent are their ids."""

import pytest
from django.http import QueryDict

from accounts.forms import OrganizationsWidget
from tests.factories.billing import make_organization
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db


def test_what_is_chosen_is_sent_as_ids_however_it_comes() -> None:
    widget = OrganizationsWidget()
    several = QueryDict("organizations=org_a&organizations=org_b")
    assert widget.value_from_datadict(several, {}, "organizations") == "org_a org_b"
    assert widget.value_from_datadict({"organizations": "org_a, org_b"}, {}, "organizations") == "org_a, org_b"
    assert widget.format_value("org_a, org_b\norg_c") == ["org_a", "org_b", "org_c"]


def test_billing_offers_names_and_keeps_ids() -> None:
    organization = make_organization(name="Café <Crème>")
    page = log_in("Finance").get(f"/admin/billing/invoice/run/?organizations={organization.pk}").content.decode()
    assert f'<option value="{organization.pk}" selected>Café &lt;Crème&gt;</option>' in page.replace("\n", "")
    assert "admin/js/autocomplete.js" in page
    assert 'data-field-name="organization"' in page


@pytest.mark.parametrize("address", ["/admin/jobs/jobrun/start/monthly-billing/", "/admin/billing/invoice/preview/"])
def test_whatever_is_billed_offers_names_too(address: str) -> None:
    page = log_in("Finance").get(address).content.decode()
    assert 'data-field-name="organization"' in page
    assert "admin/js/autocomplete.js" in page


@pytest.mark.parametrize("group", ["Finance", "Operations"])
def test_who_may_start_is_offered_what_they_type(group: str) -> None:
    organization = make_organization(name="Café Crème")
    query = "app_label=accounts&model_name=user&field_name=organization&term=crème"
    answer = log_in(group).get(f"/admin/autocomplete/?{query}").json()
    assert [found["id"] for found in answer["results"]] == [organization.pk]
