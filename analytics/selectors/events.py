"""Reads of the event log."""

from collections.abc import Collection

from accounts.models import Organization


def list_known_organizations(ids: Collection[str]) -> set[str]:
    """Return those ids that organizations have."""
    return set(Organization.objects.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
