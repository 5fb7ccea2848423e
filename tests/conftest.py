"""What every test stands on."""

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

# In a test database, rows of every table are thrown away between tests.
LET_EVENTS_GO = """
CREATE OR REPLACE FUNCTION analytics_keep_events() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
"""
LET_ENTRIES_GO = LET_EVENTS_GO.replace("analytics_keep_events", "accounts_keep_audit_entries")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let tables be emptied that nobody may empty."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(LET_EVENTS_GO + LET_ENTRIES_GO)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Hash passwords quickly: their strength is not what is tested."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
