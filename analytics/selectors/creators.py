"""What people call creators: the sources know."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Case, Q, Value, When

from accounts.models import Organization
from analytics.registry import CreatorName, find_source, list_sources


def describe_creators(creators: Iterable[tuple[str, str]]) -> dict[tuple[str, str], CreatorName]:
    """Name creators, each given as provider and id; whom no source knows is called by the id."""
    by_provider: dict[str, list[str]] = defaultdict(list)
    for provider, creator in creators:
        by_provider[provider].append(creator)
    found: dict[tuple[str, str], CreatorName] = {}
    for provider, ids in by_provider.items():
        source = find_source(provider)
        known = {one.creator: one for one in source.describe(ids)} if source else {}
        found |= {(provider, id_): known.get(id_, CreatorName(id_, id_)) for id_ in ids}
    return found


def search_creators(text: str, organization: str | None, limit: int) -> list[tuple[str, CreatorName]]:
    """Find creators by the beginning of their name or by their id, with their providers; one alone who is meant."""
    found = [(source.provider, one) for source in list_sources() for one in source.search(text, organization, limit)][
        :limit
    ]
    exact = [one for one in found if text in {one[1].creator, one[1].name}]
    return exact if len(exact) == 1 else found


def search_organizations(text: str, limit: int) -> list[Organization]:
    """Find organizations by the beginning of their name or by their id; one alone that is meant."""
    matching = Q(pk=text) | Q(name__istartswith=text) if text else Q()
    # Whose id it is comes first: however many names begin so, there is room for it.
    meant = [Case(When(pk=text, then=Value(0)), default=Value(1))] if text else []
    found = list(Organization.objects.filter(matching).order_by(*meant, "name", "pk")[:limit])
    exact = [one for one in found if text in {one.pk, one.name}]
    return exact if len(exact) == 1 else found
