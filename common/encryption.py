"""Columns whose value is encrypted in the database, with keys that can be rotated."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

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


class Sealed:
    """What a row brings from the database: the value as it is stored, opened only when somebody wants to read it."""

    def __init__(self, token: str) -> None:
        self.token = token

    def open(self) -> Any:
        """Return the value; Misconfigured where no key fits."""
        return json.loads(decrypt(self.token))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)


class _OpenedWhenRead(DeferredAttribute):
    """Opens a value at its first use, so that a lost key is in nobody's way who does not need the value."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = instance.__dict__[self.field.attname] = value.open()
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        # Without this Python would look past us for what the instance holds itself.
        instance.__dict__[self.field.attname] = value


def read_unless_lost(thing: models.Model, name: str) -> Any:
    """Return the value of an encrypted column; None where there is none or its key is lost."""
    try:
        return getattr(thing, name)
    except Misconfigured:
        return None


class EncryptedJSONField(_Field):
    """A JSON value that only exists encrypted at rest; it can't be filtered by."""

    description = "Encrypted JSON"
    descriptor_class = _OpenedWhenRead

    def get_internal_type(self) -> str:
        """Store as text."""
        return "TextField"

    def get_prep_value(self, value: Any) -> str | None:
        """Encrypt on the way to the database; what can't be read stays as it is."""
        if isinstance(value, Sealed):
            return value.token
        return None if value is None else encrypt(json.dumps(value, separators=(",", ":")))

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Sealed | None:
        """Leave it sealed until it is read."""
        return None if value is None else Sealed(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Write with the first of the keys, whichever it was written with before."""
        return self.peek(model_instance)

    def peek(self, thing: models.Model) -> Any:
        """Return the value, or what is stored where its key is lost."""
        try:
            return self.value_from_object(thing)
        except Misconfigured:
            return thing.__dict__[self.attname]

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
