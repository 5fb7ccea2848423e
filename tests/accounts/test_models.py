"""Organizations and users."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.models import Organization, User, new_organization_id


def test_made_up_ids_are_legible_and_differ() -> None:
    ids = {new_organization_id() for _ in range(500)}
    assert len(ids) == 500
    assert all(re.fullmatch(r"org_[a-hjkmnp-z2-9]{14}", id_) for id_ in ids)


@pytest.mark.django_db
def test_an_id_can_be_given_or_is_made_up() -> None:
    assert Organization.objects.create(id="org_abc123", name="A").pk == "org_abc123"
    assert Organization.objects.create(name="B").pk.startswith("org_")


@pytest.mark.django_db
@pytest.mark.parametrize("id_", ["", "org abc", "org/abc", "../abc", "org_é", "org_abc\n"])
def test_ids_that_could_not_stand_in_an_address_are_refused(id_: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Organization(id=id_, name="A").full_clean()
    assert list(raised.value.message_dict) == ["id"]


@pytest.mark.django_db
@pytest.mark.parametrize("currency", ["", "US", "usd", "US1", "USD\n"])
def test_currencies_are_three_capital_letters(currency: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Organization(id="org_1", name="A", currency=currency).full_clean()
    assert list(raised.value.message_dict) == ["currency"]


@pytest.mark.django_db
def test_what_holds_without_being_said() -> None:
    organization = Organization.objects.create(name="A")
    assert (organization.status, organization.currency, organization.email) == ("active", "USD", "")


@pytest.mark.django_db
def test_there_is_an_index_on_the_status() -> None:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "accounts_organization")
    assert any(found["index"] and found["columns"] == ["status"] for found in constraints.values())


@pytest.mark.django_db
def test_people_log_in_by_e_mail_in_any_case() -> None:
    user = User.objects.create_user("Fiona@Example.Test", "pass phrase")
    assert user.email == "fiona@example.test"
    assert User.objects.get_by_natural_key("FIONA@example.test") == user
    assert user.check_password("pass phrase")
    assert (user.is_staff, user.is_superuser, user.organization) == (False, False, None)


@pytest.mark.django_db
def test_one_address_is_one_user() -> None:
    User.objects.create_user("fiona@example.test")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("FIONA@example.test")
    with pytest.raises(ValidationError, match="Somebody has this e-mail address already"):
        User(email="FIONA@example.test", password="x").full_clean()


@pytest.mark.django_db
def test_without_a_password_nobody_logs_in() -> None:
    user = User.objects.create_user("fiona@example.test")
    assert not user.has_usable_password()
    assert not user.check_password("")


@pytest.mark.django_db
def test_a_superuser_may_do_everything() -> None:
    user = User.objects.create_superuser("ada@example.test", "pass phrase")
    assert user.is_staff
    assert user.has_perm("billing.run_billing")


def test_people_are_shown_by_name_or_else_by_address() -> None:
    assert str(User(email="fiona@example.test", name="Fiona")) == "Fiona"
    assert User(email="fiona@example.test").get_full_name() == "fiona@example.test"
