"""What columns may hold, wherever it comes from."""

import re

from django.core.exceptions import ValidationError

from common.money import CURRENCIES, UNKNOWN_CURRENCY


def validate_currency(code: str) -> None:
    """Refuse the code of a currency that we don't accept."""
    if code not in CURRENCIES:
        raise ValidationError(UNKNOWN_CURRENCY)


# They end a line, or turn what follows them around: what is shown would not be what is written.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def validate_line(text: str) -> None:
    """Refuse a name with characters that nobody sees: control characters, and marks of the direction of writing."""
    if _UNSEEN.search(text):
        raise ValidationError("Leave out line breaks, control characters and marks of the direction of writing.")


def drop_unseen(text: str) -> str:
    """Return a name that somebody else wrote without the characters that `validate_line` refuses."""
    return _UNSEEN.sub("", text)
