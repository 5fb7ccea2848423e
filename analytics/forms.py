"""What somebody looks at: the filters above a dashboard."""

import datetime as dt
from typing import Any

from django import forms

from accounts.models import Organization
from analytics.models import FIRST_DAY
from analytics.registry import Scope
from analytics.selectors.creators import search_creators, search_organizations
from common.clock import Month

_CUSTOM = "custom"
RANGES = {
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "month": "This month",
    "last": "Last month",
    "12m": "Last 12 months",
    "24m": "Last 24 months",
    "year": "This year",
    _CUSTOM: "Other days",
}
DEFAULT_RANGE = "12m"
_LONGEST_DAYS = 3_700
# Calendars end: beyond there may be no day after.
_LATEST = dt.date(2100, 12, 31)
_OFFERED = 8


class ScopeForm(forms.Form):
    """Days, organization and creator; whatever does not fit is said."""

    range = forms.ChoiceField(choices=RANGES.items(), required=False, label="Days", initial=DEFAULT_RANGE)
    first = forms.DateField(required=False, label="From")
    last = forms.DateField(required=False, label="To")
    organization = forms.CharField(required=False, max_length=200)
    creator = forms.CharField(required=False, max_length=200)

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today = today

    def clean(self) -> dict[str, Any]:
        """Find the days that are meant, and the creator."""
        cleaned = super().clean() or {}
        first, last = self._days(cleaned)
        if first and last and not (FIRST_DAY <= first <= last <= _LATEST and (last - first).days <= _LONGEST_DAYS):
            self.add_error("last", "Give days of at most ten years between 2000 and 2100, the earlier one first.")
        cleaned["days"] = (first, last)
        if text := cleaned.get("organization", ""):
            self._find_organization(cleaned, text)
        if text := cleaned.get("creator", ""):
            self._find_creator(cleaned, text)
        return cleaned

    def _days(self, cleaned: dict[str, Any]) -> tuple[dt.date | None, dt.date | None]:
        chosen = cleaned.get("range") or (_CUSTOM if cleaned.get("first") else DEFAULT_RANGE)
        if chosen != _CUSTOM:
            return find_days(chosen, self._today)
        if not cleaned.get("first") and "first" not in self.errors:
            self.add_error("first", "Give the first day.")
        return cleaned.get("first"), cleaned.get("last") or self._today

    def _find_organization(self, cleaned: dict[str, Any], text: str) -> None:
        found = search_organizations(text, _OFFERED)
        if len(found) == 1:
            cleaned["owner"] = found[0]
        elif found:
            names = ", ".join(f"{one.name} ({one.pk})" for one in found)
            self.add_error("organization", f"Several begin so: {names}. Give the id of one.")
        else:
            self.add_error("organization", "There is no such organization.")

    def _find_creator(self, cleaned: dict[str, Any], text: str) -> None:
        owner: Organization | None = cleaned.get("owner")
        found = search_creators(text, owner.pk if owner else None, _OFFERED)
        if len(found) == 1:
            cleaned["found"] = found[0]
        elif found:
            names = ", ".join(f"{one.name} ({one.creator})" for _, one in found)
            self.add_error("creator", f"Several begin so: {names}. Give the id of one.")
        else:
            self.add_error("creator", "There is no such creator" + (" in this organization." if owner else "."))

    def scope(self) -> Scope:
        """Return what is looked at; where a filter does not fit, nothing should be shown of it."""
        if not self.is_valid():
            first, last = find_days(DEFAULT_RANGE, self._today)
            return Scope(first, last)
        first, last = self.cleaned_data["days"]
        owner = self.cleaned_data.get("owner")
        provider, creator = self.cleaned_data.get("found", ("", None))
        return Scope(
            first,
            last,
            organization=owner.pk if owner else "",
            provider=provider,
            creator=creator.creator if creator else "",
        )


def find_days(name: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and the last of the days that a preset stands for."""
    month = Month.of(today)
    match name:
        case "month":
            return month.first_day, today
        case "last":
            return month.plus(-1).first_day, month.plus(-1).last_day
        case "year":
            return today.replace(month=1, day=1), today
    count = int(name[:-1])
    if name.endswith("m"):
        return month.plus(1 - count).first_day, today
    return today - dt.timedelta(days=count - 1), today
