"""Filters of the lists of billing."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from billing.models import Invoice, InvoiceDelivery, Payment, StripeEvent
from billing.providers.stripe_events import HANDLED_TYPES
from billing.selectors.invoices import list_months
from billing.selectors.payments import CONDITIONS, list_in_condition
from billing.selectors.undelivered import list_doubtful, list_undelivered
from common.clock import Month, now

_MONTHS_OF_USAGE = 24


class MonthFilter(DropdownFilter):
    """Invoices of one month, written 2026-10."""

    title = "month"
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the months from the newest invoice's to the oldest's."""
        return [(str(month), month.label) for month in list_months()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Keep the month's invoices; a month that is none keeps nothing."""
        if not self.value():
            return queryset
        month = _read_month(self.value())
        return queryset.filter(month=month.first_day) if month else queryset.none()


class StepFilter(DropdownFilter):
    """Invoices of which a step of the delivery failed, ended nobody knows how, or is overdue."""

    title = "not delivered"
    parameter_name = "failed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the steps."""
        return [("any", "Any step"), *InvoiceDelivery.Step.choices, ("unknown", "Outcome unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Keep those invoices; a step that is none keeps nothing."""
        chosen = self.value()
        if not chosen:
            return queryset
        if chosen == "unknown":
            return list_doubtful(queryset)
        if chosen == "any":
            return list_undelivered(queryset)
        return list_undelivered(queryset, step=chosen) if chosen in InvoiceDelivery.Step.values else queryset.none()


class PaymentFilter(DropdownFilter):
    """Invoices by how far their payment is, and where Stripe says something else than we do."""

    title = "payment"
    parameter_name = "payment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the conditions."""
        return list(CONDITIONS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Keep those invoices; a condition that is none keeps nothing."""
        return list_in_condition(queryset, str(self.value())) if self.value() else queryset


class EventTypeFilter(DropdownFilter):
    """Events of one type, of those that change something here."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer those types, and all others together."""
        return [*((type_, type_) for type_ in sorted(HANDLED_TYPES)), ("other", "Any other")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StripeEvent]) -> QuerySet[StripeEvent]:
        """Keep the type's events."""
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.exclude(type__in=HANDLED_TYPES) if chosen == "other" else queryset.filter(type=chosen)


class _UsageMonthFilter(DropdownFilter):
    title = "month"
    parameter_name = "month"
    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the last two years."""
        this = Month.of(now())
        return [(str(this.plus(-back)), this.plus(-back).label) for back in range(_MONTHS_OF_USAGE)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the month's usage; a month that is none keeps nothing."""
        if not self.value():
            return queryset
        month = _read_month(self.value())
        if month is None:
            return queryset.none()
        return queryset.filter(**{f"{self.column}__gte": month.starts_at, f"{self.column}__lt": month.ends_at})


class HourMonthFilter(_UsageMonthFilter):
    """Hours of one month."""

    column = "hour"


class EventMonthFilter(_UsageMonthFilter):
    """Events of one month."""

    column = "occurred_at"


class PaymentMonthFilter(_UsageMonthFilter):
    """Payments by the month in which the money moved."""

    title = "date"
    parameter_name = "date"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        """Keep the month's payments; a month that is none keeps nothing."""
        if not self.value():
            return queryset
        month = _read_month(self.value())
        if month is None:
            return queryset.none()
        return queryset.filter(received_date__gte=month.first_day, received_date__lt=month.plus(1).first_day)


def _read_month(text: Any) -> Month | None:
    try:
        return Month.parse(str(text))
    except ValueError:
        return None


class ParkedFilter(DropdownFilter):
    """Accounts that are parked, or the others."""

    title = "parked"
    parameter_name = "parked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [("yes", "Parked"), ("no", "Not parked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the wanted ones."""
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(parked_at__isnull=self.value() == "no")
