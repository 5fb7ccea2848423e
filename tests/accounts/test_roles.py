"""Roles: whoever may log in to the back office is staff, and nobody else is."""

import pytest
from django.urls import reverse

from accounts.models import User
from tests.factories.billing import make_organization
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("is_staff", "given", "kept"),
    [(True, "owner", "staff"), (True, "staff", "staff"), (False, "staff", "member"), (False, "owner", "owner")],
)
def test_the_role_follows_the_right_to_log_in(is_staff: bool, given: str, kept: str) -> None:
    user = User.objects.create_user("a@example.test", is_staff=is_staff, role=given)
    user.refresh_from_db()
    assert user.role == kept


def test_the_role_follows_also_where_little_is_saved() -> None:
    user = make_staff()
    user.is_staff = False
    user.save(update_fields=["is_staff"])
    user.refresh_from_db()
    assert user.role == "member"


def test_only_a_superuser_hands_out_roles() -> None:
    member = User.objects.create_user("m@example.test", organization=make_organization())
    address = reverse("admin:accounts_user_change", args=[member.pk])
    values = {"email": member.email, "name": "M", "role": "owner", "is_active": "on"}
    assert log_in("Finance").post(address, values).status_code == 403
    client = log_in(superuser=True)
    assert "What they are to their organization" in client.get(address).text
    client.post(address, {**values, "organization": member.organization_id})
    member.refresh_from_db()
    assert member.role == "owner"
