"""Forms of the billing admin: what staff are asked before something is done."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.forms import OrganizationsWidget, ReasonForm
from accounts.models import Organization
from billing.models import Invoice, InvoiceLine, Payment
from billing.selectors.credits import find_fault_in_amounts
from billing.selectors.obstacles import get_obstacle_to_switch_stripe
from common.clock import Month, now, previous_month
from common.forms import OTHERWISE, AmountsForm, AmountsFormSet, MoneyField
from common.money import MOST_CENTS, format_money

_SEPARATORS = re.compile(r"[\s,;]+")


class _ShownField(forms.CharField):
    """What the page says now, and what the page said that was sent: a form shown again carries the former."""

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial


class ApproveForm(ReasonForm):
    """Why an invoice is approved; `seen` is the mark of what the page shows of it."""

    seen = _ShownField(max_length=100, widget=forms.HiddenInput)


class OnceForm(forms.Form):
    """A form that carries a token, so that sending it twice does once what it asks for."""

    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("token", uuid4())


class MonthForm(OnceForm):
    """Which month, and whom, to bill."""

    month = forms.CharField(widget=UnfoldAdminTextInputWidget({"placeholder": "2026-10"}))
    organizations = forms.CharField(
        required=False,
        widget=OrganizationsWidget,
        help_text="Type a name or an id. Empty: all that are active. Choose a suspended or closed one to bill it all "
        "the same.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("month", str(previous_month()))

    def clean_month(self) -> Month:
        """Read the month."""
        try:
            return Month.parse(self.cleaned_data["month"].strip())
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def clean_organizations(self) -> tuple[str, ...]:
        """Take the ids apart."""
        return tuple(dict.fromkeys(filter(None, _SEPARATORS.split(self.cleaned_data["organizations"]))))


class PreviewForm(MonthForm):
    """A month to compute without keeping anything."""


class RunForm(MonthForm):
    """A month to bill."""

    regenerate = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Bill anew what is issued already",
        help_text="Voids or credits the issued invoices of the organizations named above, then bills them again. "
        "A preview of the difference comes first.",
    )
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
        help_text="Kept with the run, visible to all staff.",
    )


class CreditForm(OnceForm, ReasonForm):
    """How much of an invoice to credit: all that is left, or an amount a line (`line_<id>`, in major units)."""

    ALL, SOME = "all", "lines"
    field_order = ["scope", "reason"]

    scope = forms.ChoiceField(
        choices=[(ALL, "All that is left"), (SOME, "These amounts")],
        widget=forms.RadioSelect,
        initial=ALL,
        label="Credit",
    )

    def __init__(self, invoice: Invoice, left: Mapping[int, int], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoice, self.left = invoice, left
        self.lines = [line for line in invoice.lines.all() if left[line.pk] and line.kind != InvoiceLine.Kind.TAX]
        for line in self.lines:
            field = MoneyField(currency=invoice.currency, required=False, label=line.description)
            self.fields[f"line_{line.pk}"] = field

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The fields of the lines, each with what is left of its line."""
        return [
            {"field": self[f"line_{line.pk}"], "left": format_money(self.left[line.pk], self.invoice.currency)}
            for line in self.lines
        ]

    @property
    def amounts(self) -> dict[int, int] | None:
        """The cents by line id; None for all that is left."""
        if self.cleaned_data["scope"] == self.ALL:
            return None
        chosen = {line.pk: self.cleaned_data.get(f"line_{line.pk}") for line in self.lines}
        return {id_: cents for id_, cents in chosen.items() if cents}

    def clean(self) -> dict[str, Any]:
        """Ask for at least one amount, for none above what is left of its line, and for a sum that can be credited."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        written = any(cleaned.get(f"line_{line.pk}") for line in self.lines)
        if cleaned.get("scope") != self.SOME:
            if written:
                self.add_error("scope", "You wrote amounts: choose “These amounts”, or take them out again.")
            return cleaned
        for line in self.lines:
            name, left = f"line_{line.pk}", self.left[line.pk]
            cents = cleaned.get(name)
            if cents and (cents * left < 0 or abs(cents) > abs(left)):
                self.add_error(name, f"At most {format_money(left, self.invoice.currency)} is left of this line.")
        if not self.errors and not written:
            self.add_error("scope", "Write the amount beside at least one line.")
        if not self.errors and (fault := find_fault_in_amounts(self.invoice, self.left, self.amounts or {})):
            self.add_error("scope", fault)
        return cleaned


class AccountForm(AmountsForm):
    """A billing account, whose amounts are in its organization's currency."""

    def find_currency(self) -> str:
        """Take the currency of the organization that is chosen, where there is none yet."""
        if self.instance.pk:
            return str(self.instance.currency)
        chosen = self.data.get(self.add_prefix("organization")) or self.initial.get("organization")
        found = Organization.objects.filter(pk=chosen).values_list("currency", flat=True).first() if chosen else None
        return found or OTHERWISE

    def clean_deliver_stripe(self) -> bool:
        """Refuse to leave credit, or an invoice that is paid in part, where nothing uses it any more."""
        wanted: bool = self.cleaned_data["deliver_stripe"]
        if self.instance.pk and (obstacle := get_obstacle_to_switch_stripe(self.instance.pk, on=wanted)):
            raise ValidationError(obstacle)
        return wanted


class FirstDayField(forms.CharField):
    """A month as people write it, kept as its first day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminTextInputWidget({"placeholder": "2026-11"}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show the day as the month that it begins."""
        return f"{value:%Y-%m}" if isinstance(value, dt.date) else value

    def clean(self, value: Any) -> Any:
        """Read the month; None where the field was left empty."""
        text = super().clean(value)
        try:
            return Month.parse(text).first_day if text else None
        except ValueError as error:
            raise ValidationError(f"{error}.") from None


class RefundForm(OnceForm):
    """Money that staff say went back to a customer: how much, when, how."""

    received_date = forms.DateField(
        label="Date", widget=UnfoldAdminSingleDateWidget, help_text="The day the money moved, as on the bank statement."
    )
    method = forms.ChoiceField(
        choices=Payment.Method.choices, initial=Payment.Method.BANK_TRANSFER, widget=UnfoldAdminSelectWidget
    )
    reference = forms.CharField(
        max_length=255, required=False, widget=UnfoldAdminTextInputWidget, help_text="As on the bank statement."
    )
    field_order = ["amount"]

    def __init__(self, invoice: Invoice, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = MoneyField(currency=invoice.currency, max_value=MOST_CENTS, label="Amount")
        self.order_fields(self.field_order)
        self.initial.setdefault("received_date", now().date())

    def clean_received_date(self) -> dt.date:
        """Refuse a day that has not come."""
        day: dt.date = self.cleaned_data["received_date"]
        if day > now().date():
            raise ValidationError("This date is in the future: enter the day the money moved.")
        return day

    def clean_amount(self) -> int:
        """Refuse nothing and less."""
        cents: int = self.cleaned_data["amount"]
        if cents <= 0:
            raise ValidationError("Enter an amount above zero.")
        return cents

    @property
    def values(self) -> dict[str, Any]:
        """What to record."""
        written = {name: self.cleaned_data[name] for name in ("received_date", "method", "reference")}
        return {"amount_cents": self.cleaned_data["amount"], "token": str(self.cleaned_data["token"]), **written}


class PaymentForm(RefundForm):
    """Money that staff say came in for an invoice."""

    accepts_excess = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="More was paid than is asked for"
    )

    def __init__(self, invoice: Invoice, *args: Any, **kwargs: Any) -> None:
        super().__init__(invoice, *args, **kwargs)
        says = "Confirms that nothing is asked for any more; all of it is the customer's credit."
        if invoice.remaining_cents:
            left = format_money(invoice.remaining_cents, invoice.currency)
            says = f"Confirms an amount above {left}; the rest is the customer's credit."
            self.initial.setdefault("amount", invoice.remaining_cents)
        self.fields["accepts_excess"].help_text = says


class BracketFormSet(AmountsFormSet):
    """A plan's brackets: each starts at an amount of its own."""

    def clean(self) -> None:
        """Refuse two brackets from the same amount, and say which."""
        seen: set[int] = set()
        for form in self.forms:
            start = getattr(form, "cleaned_data", {}).get("from_cents")
            if start is None or form.cleaned_data.get("DELETE"):
                continue
            if start in seen:
                form.add_error("from_cents", "Another bracket starts at this amount already.")
            seen.add(start)
        super().clean()
