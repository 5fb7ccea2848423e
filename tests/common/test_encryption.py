"""What is encrypted at rest, and keys that are rotated."""

import json

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import connection
from pytest_django import Settings

from common.encryption import decrypt, encrypt
from common.errors import Misconfigured
from onlyfans.models import CreatorAccount
from tests.factories.billing import make_creator, make_organization

SECRET = {"token": "gateway-token-ζ-7d1f", "cookie": "sess=abc"}
OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def stored(creator: CreatorAccount) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM onlyfans_creatoraccount WHERE id = %s", [creator.pk])
        text: str = cursor.fetchone()[0]
        return text


def read(creator: CreatorAccount) -> object:
    return CreatorAccount.objects.get(pk=creator.pk).credentials


@pytest.mark.django_db
def test_the_database_holds_no_plain_text() -> None:
    creator = make_creator(make_organization(), credentials=SECRET)
    for word in ("gateway-token", "sess=abc", "token", "cookie"):
        assert word not in stored(creator)
    assert json.loads(decrypt(stored(creator))) == SECRET
    assert read(creator) == SECRET


@pytest.mark.django_db
def test_nothing_stays_nothing() -> None:
    creator = make_creator(make_organization())
    assert stored(creator) is None
    assert read(creator) is None


@pytest.mark.django_db
def test_the_same_secret_is_written_differently_each_time() -> None:
    one, other = (make_creator(make_organization(), credentials=SECRET) for _ in range(2))
    assert stored(one) != stored(other)


@pytest.mark.django_db
def test_keys_are_rotated_by_putting_the_new_one_in_front(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)
    creator = make_creator(make_organization(), credentials=SECRET)
    before = stored(creator)
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    assert read(creator) == SECRET
    CreatorAccount.objects.get(pk=creator.pk).save()
    settings.ENCRYPTION_KEYS = (NEW,)
    assert read(creator) == SECRET
    assert stored(creator) != before


@pytest.mark.django_db
def test_a_lost_key_is_said_without_the_secret(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)
    creator = make_creator(make_organization(), credentials=SECRET)
    settings.ENCRYPTION_KEYS = (NEW, OTHER)
    with pytest.raises(Misconfigured) as raised:
        read(creator)
    assert raised.value.message == (
        "A stored secret can't be decrypted: ENCRYPTION_KEYS lacks the key it was written with."
    )
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_what_was_tampered_with_is_refused() -> None:
    token = encrypt("secret")
    middle = len(token) // 2
    tampered = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    with pytest.raises(Misconfigured):
        decrypt(tampered)


@pytest.mark.django_db
def test_a_dump_is_encrypted_too() -> None:
    creator = make_creator(make_organization(), credentials=SECRET)
    without = make_creator(make_organization())
    dump = serializers.serialize("json", [creator, without])
    assert "gateway-token" not in dump
    CreatorAccount.objects.update(credentials={})
    for row in serializers.deserialize("json", dump):
        row.save()
    assert (read(creator), read(without)) == (SECRET, None)


@pytest.mark.django_db
def test_text_that_is_no_json_is_an_error_at_its_field() -> None:
    creator = make_creator(make_organization())
    creator.credentials = "{token: nonsense-7d1f}"
    with pytest.raises(ValidationError) as raised:
        creator.full_clean()
    assert list(raised.value.message_dict) == ["credentials"]
    assert "nonsense-7d1f" not in str(raised.value)
