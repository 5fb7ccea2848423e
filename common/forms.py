"""Amounts and rates as people type and read them: USD 49.00 and 7.25 %, where columns hold 4900 and 725."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminTextInputWidget

from common.money import CURRENCIES, format_exact, format_number, format_percent, minor_digits

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm

# Where nothing says which it is.
OTHERWISE = "USD"
_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?|-?\.\d+")
_WORD = re.compile(r"[A-Z]+")
_LONGEST = 40
_MOST_BPS = 10_000
# Below and above these a rate is more often a slip than meant.
_LEAST_USUAL_BPS, _MOST_USUAL_BPS = 100, 4_000


def _read_number(text: str) -> Decimal | None:
    """Read a number with a point before its decimals; None where it is none."""
    plain = re.sub(r"\s", "", text).replace("\N{MINUS SIGN}", "-")
    return Decimal(plain.replace(",", "")) if len(plain) <= _LONGEST and _NUMBER.fullmatch(plain) else None


class MoneyField(forms.Field):
    """An amount in a currency's major unit, given as its minor one; which currency, the form says before it is read.

    `finest` is how many decimals of the minor unit there may be: none for amounts, some for prices of single units.
    """

    widget: Any = UnfoldAdminTextInputWidget
    finest = 0

    def __init__(self, *, min_value: Any = None, max_value: Any = None, currency: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = min_value, max_value
        self.currency = ""
        if currency:
            self.set_currency(currency)

    def set_currency(self, currency: str, *, is_shown: bool = True) -> None:
        """Read amounts in a currency; it is shown unless the form itself may change it."""
        self.currency = currency
        self.widget.attrs |= {"placeholder": f"{Decimal(0):.{minor_digits(currency)}f}", "inputmode": "decimal"}
        if is_shown:
            self.widget.attrs["suffix"] = currency

    def prepare_value(self, value: Any) -> Any:
        """Write an amount of the column; what was typed is shown again as it was."""
        return format_number(Decimal(value), self.currency) if isinstance(value, int | Decimal) else value

    def to_python(self, value: Any) -> Any:
        """Read what was typed; None where it was nothing."""
        text = str(value or "").strip()
        if not text:
            return None
        amount = self._read(text)
        digits = minor_digits(self.currency)
        if amount != round(amount, digits + self.finest):
            raise ValidationError(self._too_fine(digits))
        cents = amount.scaleb(digits)
        return cents if self.finest else int(cents)

    def _read(self, text: str) -> Decimal:
        named = set(_WORD.findall(text.upper()))
        if others := named & CURRENCIES.keys() - {self.currency}:
            raise ValidationError(f"Amounts here are in {self.currency}: enter an amount without {min(others)}.")
        amount = _read_number(re.sub(self.currency, "", text, flags=re.IGNORECASE) if self.currency else text)
        if amount is None:
            raise ValidationError("Enter an amount like 1,234.50, with a point before the decimals.")
        return amount

    def _too_fine(self, digits: int) -> str:
        if self.finest:
            return f"Enter at most {digits + self.finest} decimals."
        if not digits:
            return f"{self.currency} has no decimals: enter a whole amount, like 49."
        return f"{self.currency} has {digits} decimals: enter an amount like {Decimal(49):.{digits}f}."

    def validate(self, value: Any) -> None:
        """Refuse what the column can't hold."""
        super().validate(value)
        if value is None:
            return
        if self.least is not None and value < self.least:
            raise ValidationError(f"Enter {format_exact(Decimal(self.least), self.currency)} or more.")
        if self.most is not None and value > self.most:
            raise ValidationError(f"Enter {format_exact(Decimal(self.most), self.currency)} or less.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare amounts, not how they are written."""
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


class PriceField(MoneyField):
    """The price of a single unit, which may have fractions of the smallest unit: USD 0.0025."""

    def __init__(self, *, max_digits: int = 20, decimal_places: int = 8, **kwargs: Any) -> None:
        super().__init__(max_value=Decimal(10) ** (max_digits - decimal_places) - 1, **kwargs)
        self.finest = decimal_places


class PercentInput(UnfoldAdminTextInputWidget):
    """A text of a rate, and below it a box that confirms an unusual one; the box names the rate that it confirms."""

    zero_is_usual = False

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Read the text and the rate that is confirmed; a text alone where no box was ticked."""
        text, confirmed = data.get(name), data.get(f"{name}_confirmed", "")
        return _Typed(text, confirmed) if text is not None else None

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Return whether nothing was sent."""
        return name not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Draw the text, and the box where the rate is unusual."""
        self.attrs["suffix"] = "%"
        text = super().render(name, value, attrs, renderer)
        bps = read_percent(str(value or ""))
        if bps is None or not is_unusual(bps, zero_is_usual=self.zero_is_usual):
            return text
        is_confirmed = getattr(value, "confirmed", str(bps)) == str(bps)
        return format_html(
            '{}<label class="hz-row mt-2"><input type="checkbox" name="{}_confirmed" value="{}"{}> {} is unusual. '
            "Tick to confirm.</label>",
            text,
            name,
            bps,
            SafeString(" checked") if is_confirmed else "",
            format_percent(bps),
        )


class _Typed(str):
    """What was typed, with the rate that was confirmed as unusual."""

    confirmed: str

    def __new__(cls, text: str, confirmed: str) -> "_Typed":
        """Make it."""
        typed = super().__new__(cls, text)
        typed.confirmed = confirmed
        return typed


class PercentField(forms.Field):
    """A rate in percent, given in basis points; an unusual one wants to be confirmed."""

    widget: Any = PercentInput

    def __init__(self, *, zero_is_usual: bool = False, min_value: Any = None, max_value: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.zero_is_usual = zero_is_usual
        self.widget.zero_is_usual = zero_is_usual
        self.widget.attrs |= {"placeholder": "20", "inputmode": "decimal"}

    def prepare_value(self, value: Any) -> Any:
        """Write a rate of the column; what was typed is shown again as it was."""
        return format_percent(value).removesuffix(" %") if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        """Read what was typed; None where it was nothing."""
        if not str(value or "").strip():
            return None
        bps = read_percent(str(value))
        if bps is None:
            raise ValidationError("Enter a percentage from 0 to 100 with at most two decimals, like 20 or 7.25.")
        return bps

    def clean(self, value: Any) -> int | None:
        """Read the rate, and ask for confirmation where it is unusual."""
        bps: int | None = super().clean(value)
        is_odd = bps is not None and is_unusual(bps, zero_is_usual=self.zero_is_usual)
        if is_odd and getattr(value, "confirmed", "") != str(bps):
            raise ValidationError(
                f"{format_percent(bps or 0)} is unusual: most rates are between 1 % and 40 %. Tick the box to "
                "confirm it, or correct it."
            )
        return bps

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare rates, not how they are written."""
        return bool((read_percent(str(data)) if data else None) != initial)


class AmountsForm(_ModelForm):
    """A form of a row whose `currency` is that of its amounts, be it a column of its own or another row's."""

    def __init__(self, *args: Any, currency: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = currency or self.find_currency()
        for field in self.fields.values():
            if isinstance(field, MoneyField):
                field.set_currency(found, is_shown=not currency and "currency" not in self.fields)

    def find_currency(self) -> str:
        """Find in which currency amounts are typed: as the form was sent, or as the row says."""
        sent = self.data.get(self.add_prefix("currency"), "") if "currency" in self.fields else ""
        return sent if sent in CURRENCIES else getattr(self.instance, "currency", "") or OTHERWISE


class AmountsFormSet(PaginationInlineFormSet):
    """A formset of rows whose amounts are in the currency of the row that they belong to."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Tell each form the currency, as it was sent with the page: the row above may not have been read yet."""
        sent = self.data.get("currency", "")
        currency = sent if sent in CURRENCIES else self.instance.currency
        return {**super().get_form_kwargs(index), "currency": currency}


def read_percent(text: str) -> int | None:
    """Read a percentage as basis points; None where it is none, is too fine, or beyond 100."""
    number = _read_number(text.strip().removesuffix("%"))
    if number is None or not 0 <= number <= 100 or number != round(number, 2):
        return None
    return int(number * 100)


def is_unusual(bps: int, *, zero_is_usual: bool) -> bool:
    """Return whether a rate is more often a slip than meant."""
    if bps == 0:
        return not zero_is_usual
    return not _LEAST_USUAL_BPS <= bps <= _MOST_USUAL_BPS
