"""What can be wrong with creators' connections, earnings and result files: told by alerts."""

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from django.db.models import Count, Min
from django.urls import reverse

from alerts.registry import Finding, condition
from common.clock import Month, now
from common.wording import name_some
from onlyfans.models import ResultFile
from onlyfans.selectors import get_longest_waiting, list_expired, list_overruled, list_waiting_users

# Who is being set up just now needs no alert.
_PATIENCE = dt.timedelta(days=1)
# A result file is read within seconds where all is well.
_LONGEST_WAIT = dt.timedelta(minutes=30)
# Figures that have held still for so long need nobody's second look.
_NEWS = dt.timedelta(days=7)
# So many are named, of however many there are.
_NAMED = 3
CONNECT_AGAIN = "Log in to the gateway for this creator, open its page and store the new token."


@condition("creator-disconnected", title="Creators must be reconnected", severity="warning")
def find_expired() -> Iterator[Finding]:
    """Find, by organization, the creators whose credentials the gateway takes no more; new tokens end it."""
    expired = list_expired().select_related("organization").order_by("organization", "display_name", "id")
    for organization, listed in groupby(expired, attrgetter("organization")):
        creators = list(listed)
        first, count = creators[0], len(creators)
        names = name_some((str(creator) for creator in creators[:_NAMED]), count)
        query = f"?connection_state__exact=expired&organization__id__exact={organization.pk}"
        yield Finding(
            scope=str(organization.pk),
            title=f"{first} of {organization} must be reconnected"
            if count == 1
            else f"{count:,} creators of {organization} must be reconnected",
            detail=f"{names}: {first.connection_reason} Until then no earnings are pulled, and {organization} is not "
            "billed.",
            since=min((creator.connection_since for creator in creators if creator.connection_since), default=None),
            link=reverse("admin:onlyfans_creatoraccount_change", args=[first.pk])
            if count == 1
            else reverse("admin:onlyfans_creatoraccount_changelist") + query,
            advice=CONNECT_AGAIN,
            count=count,
            permission="onlyfans.change_creatoraccount",
        )


@condition("earnings-unmatched", title="Earnings have no creator", severity="warning")
def find_unmatched() -> Iterator[Finding]:
    """Find whether earnings of users whom nobody set up have been waiting for a day."""
    limit = now() - _PATIENCE
    users, since = get_longest_waiting(limit)
    if users:
        names = name_some(list_waiting_users(limit, _NAMED), users)
        yield Finding(
            scope="unmatched",
            title=f"Earnings of {users:,} OnlyFans users have no creator"
            if users > 1
            else f"Earnings of the OnlyFans user {names} have no creator",
            detail=f"No creator here has the OnlyFans user id {names}, so their earnings are neither shown nor billed.",
            since=since,
            link=reverse("admin:onlyfans_unmatchedaggregate_changelist"),
            advice="Add each user as a creator, or open the earnings and press “Dismiss” if they were sent by mistake.",
            count=users,
            permission="onlyfans.add_creatoraccount",
        )


@condition("correction-overruled", title="A correction of earnings was overruled", severity="warning")
def find_overruled() -> Iterator[Finding]:
    """Find the months of which a source said something new after staff had entered figures."""
    for one in list_overruled(now() - _NEWS):
        month = Month.of(one.month)
        yield Finding(
            scope=f"{one.creator_id} {month}",
            title=f"{one.creator} of {one.creator.organization}: the correction of {month.label} was overruled",
            detail="A source sent other figures after the correction. The newer figures are what is billed.",
            since=one.__dict__["changed_at"],
            link=reverse("admin:onlyfans_earningsrevision_change", args=[one.pk]),
            advice="Compare the versions. If the new figures are wrong too, correct them again; otherwise do nothing.",
            permission="onlyfans.add_earningsaggregate",
        )


@condition("results-left", title="Result files failed")
def find_left_results() -> Iterator[Finding]:
    """Find the result files that were rejected or given up, by which of the two."""
    for status in ResultFile.LEFT:
        left = ResultFile.objects.filter(status=status)
        figures = left.aggregate(count=Count("pk"), since=Min("finished_at"))
        if count := figures["count"]:
            files = list(left.order_by("-id")[:_NAMED])
            names = name_some(map(str, files), count)
            ended = "was rejected" if status == ResultFile.Status.REJECTED else "could not be processed"
            ended_all = "were rejected" if status == ResultFile.Status.REJECTED else "could not be processed"
            yield Finding(
                scope=str(status),
                title=f"The result file {names} {ended}" if count == 1 else f"{count:,} result files {ended_all}",
                detail=f"The last: {names}. {files[0].wrong if files else ''}".strip(),
                since=figures["since"],
                link=f"{reverse('admin:onlyfans_resultfile_changelist')}?status__exact={status}",
                advice="Fix what the error names, then press “Read again”, or press “Dismiss” if nobody needs the "
                "file. A newer version of the file settles it, too.",
                count=count,
                permission="onlyfans.retry_resultfile",
            )


@condition("results-waiting", title="Result files are not being read")
def find_waiting_results() -> Iterator[Finding]:
    """Find whether result files wait that were told of a while ago: nobody listens, or the bucket refuses us."""
    waiting = ResultFile.objects.filter(status=ResultFile.Status.WAITING, received_at__lt=now() - _LONGEST_WAIT)
    figures = waiting.filter(attempts=0).aggregate(count=Count("pk"), since=Min("received_at"))
    if count := figures["count"]:
        said = waiting.exclude(error="").values_list("error", flat=True).first()
        names = name_some(map(str, waiting.filter(attempts=0).order_by("id")[:_NAMED]), count)
        yield Finding(
            scope="waiting",
            title=f"{count:,} result files are not being read"
            if count > 1
            else f"The result file {names} is not being read",
            detail=f"Announced more than half an hour ago and not read: {names}. {said or ''}".strip(),
            since=figures["since"],
            link=f"{reverse('admin:onlyfans_resultfile_changelist')}?status__exact=waiting",
            advice="Ask an engineer whether beat is running, whether a worker takes the queue “enrichment”, and "
            "whether the bucket can be read.",
            count=count,
        )
