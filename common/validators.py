"""What columns may hold, wherever it comes from."""

from django.core.exceptions import ValidationError

from common.money import CURRENCIES, UNKNOWN_CURRENCY


def validate_currency(code: str) -> None:
    """Refuse the code of a currency that we don't accept."""
    if code not in CURRENCIES:
        raise ValidationError(UNKNOWN_CURRENCY)
