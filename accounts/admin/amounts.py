"""Amounts and rates on admin pages: typed and read in whole amounts and percent, whatever their columns hold.

Columns are known by how their names end: `…_cents` are amounts in the row's `currency`, `…_bps` are rates.
"""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import DecimalField, Field, Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from common.forms import AmountsForm, AmountsFormSet, MoneyField, PercentField, PriceField
from common.money import format_column

type Column = "Field[Any, Any]"


class AmountsAdmin(ModelAdmin):
    """An admin of a row with amounts or rates; of rates, `usual_zeros` are those that often are none."""

    form = AmountsForm
    usual_zeros: Collection[str] = ()

    def formfield_for_dbfield(self, db_field: Column, request: HttpRequest, **kwargs: Any) -> Any:
        """Choose the form field by what the column holds."""
        kwargs |= _choose_field(db_field, self.usual_zeros)
        if "form_class" in kwargs:
            return db_field.formfield(**kwargs)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Write amounts and rates for those who may only look."""
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if self.has_change_permission(request, obj) else _write_out(self.model, fieldsets)


class AmountsInline(TabularInline):
    """Rows with amounts or rates on the page of the row whose currency is theirs."""

    form = AmountsForm
    formset = AmountsFormSet

    def formfield_for_dbfield(self, db_field: Column, request: HttpRequest, **kwargs: Any) -> Any:
        """Choose the form field by what the column holds."""
        kwargs |= _choose_field(db_field, ())
        if "form_class" in kwargs:
            return db_field.formfield(**kwargs)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Make the forms of columns, also for those who may only look."""
        return super().get_formset(
            request, obj, fields=flatten_fieldsets(super().get_fieldsets(request, obj)), **kwargs
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Write amounts and rates for those who may only look."""
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if self.has_change_permission(request, obj) else _write_out(self.model, fieldsets)


def _choose_field(column: Column, usual_zeros: Collection[str]) -> dict[str, Any]:
    if column.name.endswith("_bps"):
        return {"form_class": PercentField, "zero_is_usual": column.name in usual_zeros}
    if column.name.endswith("_cents"):
        return {"form_class": PriceField if isinstance(column, DecimalField) else MoneyField}
    return {}


def _write_out(model: type[Model], fieldsets: Any) -> Any:
    return [
        (name, {**options, "fields": [_swap(model, field) for field in options["fields"]]})
        for name, options in fieldsets
    ]


def _swap(model: type[Model], field: Any) -> Any:
    if isinstance(field, list | tuple):
        return [_swap(model, part) for part in field]
    return _shown(model, field) if isinstance(field, str) and field.endswith(("_cents", "_bps")) else field


@cache
def _shown(model: type[Model], name: str) -> Callable[[Any], str]:
    def show(row: Any) -> str:
        return format_column(name, getattr(row, name), row.currency)

    column: Any = model._meta.get_field(name)
    show.short_description = column.verbose_name  # type: ignore[attr-defined]  # Django's way to name a column
    return show
