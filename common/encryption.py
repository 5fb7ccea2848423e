"""Columns whose value is encrypted in the database, with keys that can be rotated."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from common.errors import Misconfigured

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    _Field = models.Field

# How every encrypted text begins: the version of its format.
_VERSION = "gAAAA"


@cache
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _current() -> MultiFernet:
    return _cipher(tuple(settings.ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    """Encrypt a text with the first of `ENCRYPTION_KEYS`."""
    return _current().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Decrypt with whichever key fits; Misconfigured where none does."""
    try:
        return _current().decrypt(token.encode()).decode()
    except InvalidToken:
        raise Misconfigured(
            "A stored secret can't be decrypted: ENCRYPTION_KEYS lacks the key it was written with."
        ) from None


class EncryptedJSONField(_Field):
    """A JSON value that only exists encrypted at rest; it can't be filtered by."""

    description = "Encrypted JSON"

    def get_internal_type(self) -> str:
        """Store as text."""
        return "TextField"

    def get_prep_value(self, value: Any) -> str | None:
        """Encrypt on the way to the database."""
        return None if value is None else encrypt(json.dumps(value, separators=(",", ":")))

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        """Decrypt on the way from the database."""
        return None if value is None else json.loads(decrypt(value))

    def to_python(self, value: Any) -> Any:
        """Leave Python values alone; read JSON text that a form sent, or what `value_to_string` wrote."""
        if not isinstance(value, str):
            return value
        if value.startswith(_VERSION):
            value = decrypt(value)
        try:
            return json.loads(value) if value else None
        except ValueError:
            # Without the value: it may be a secret with a comma too many.
            raise ValidationError("This is not valid JSON.", code="invalid") from None

    def value_to_string(self, obj: models.Model) -> str:
        """Serialize for fixtures, encrypted."""
        return self.get_prep_value(self.value_from_object(obj)) or ""
