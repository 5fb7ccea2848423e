"""What snapshots make people look at: told by alerts."""

from collections.abc import Iterator

from django.db.models import Count, Min
from django.urls import reverse

from alerts.registry import Finding, condition
from analytics.models import SLOT, ProviderSnapshot, slot_of
from analytics.registry import find_source
from analytics.selectors.creators import describe_creators
from common.clock import now
from common.wording import name_some

# So many are named, of however many there are.
_NAMED = 3


@condition("snapshot-jumps", title="Creators' figures jumped", severity="warning")
def find_jumps() -> Iterator[Finding]:
    """Find, by provider, in how many snapshots of this slot and the one before something jumped."""
    since = slot_of(now()) - SLOT
    rows = ProviderSnapshot.objects.exclude(jumps={}).filter(slot_at__gte=since).order_by()
    for provider, count, first_at in rows.values_list("provider").annotate(Count("pk"), Min("slot_at")):
        source = find_source(provider)
        title = source.title if source else provider
        creators = rows.filter(provider=provider).order_by("creator").values_list("creator", flat=True).distinct()
        named = describe_creators((provider, creator) for creator in creators[:_NAMED])
        names = name_some((one.name for one in named.values()), creators.count())
        yield Finding(
            scope=provider,
            title=f"{title}: figures of {names} jumped",
            detail=f"Figures of {names} changed by at least five times what is usual for them within six hours.",
            since=first_at,
            link=f"{reverse('admin:analytics_providersnapshot_changelist')}?provider={provider}&jumps=yes",
            advice="Find out whether this is good news, an error in the source, or an account that somebody took over.",
            count=count,
        )
