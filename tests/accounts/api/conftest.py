"""Somebody who logs in to the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Organization, User
from tests.factories.billing import make_organization

PASSWORD = "correct horse battery staple"


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def member(organization: Organization) -> User:
    return User.objects.create_user(
        "Mara@example.test", PASSWORD, name="Mara", organization=organization, role=User.Role.OWNER
    )


Post = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def post(client: Client) -> Post:
    """Posts JSON to an address of logging in."""

    def send(address: str, **body: Any) -> tuple[int, dict[str, Any]]:
        answer = client.post(f"/api/auth/{address}", body, content_type="application/json")
        return answer.status_code, answer.json()

    return send
