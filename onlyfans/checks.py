"""What can be wrong with creators' connections, earnings and result files: told by alerts."""

import datetime as dt
from collections.abc import Iterator

from django.db.models import Count, Min
from django.urls import reverse

from alerts.registry import Finding, condition
from common.clock import Month, now
from onlyfans.models import ResultFile
from onlyfans.selectors import get_longest_waiting, list_expired, list_overruled

# Who is being set up just now needs no alert.
_PATIENCE = dt.timedelta(days=1)
# A result file is read within seconds where all is well.
_LONGEST_WAIT = dt.timedelta(minutes=30)
# Figures that have held still for so long need nobody's second look.
_NEWS = dt.timedelta(days=7)
CONNECT_AGAIN = "Log in to the gateway for this creator, open its page and store the new token."


@condition("creator-disconnected", title="A creator must be connected again", severity="warning")
def find_expired() -> Iterator[Finding]:
    """Find the creators whose credentials the gateway takes no more; a new token ends it."""
    for creator in list_expired():
        yield Finding(
            scope=str(creator.pk),
            title=f"{creator} must be connected again",
            detail=f"{creator.connection_reason} Its earnings are not pulled, and its organization is not billed.",
            since=creator.connection_since,
            link=reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk]),
            advice=CONNECT_AGAIN,
        )


@condition("earnings-unmatched", title="Earnings wait for a creator", severity="warning")
def find_unmatched() -> Iterator[Finding]:
    """Find whether earnings of users whom nobody set up have been waiting for a day."""
    users, since = get_longest_waiting(now() - _PATIENCE)
    if users:
        yield Finding(
            scope="unmatched",
            title=f"Earnings of {users:,} users wait" if users > 1 else "Earnings of a user wait",
            detail="Nobody here has their user id, so that they are neither shown nor billed.",
            since=since,
            link=reverse("admin:onlyfans_unmatchedaggregate_changelist"),
            advice="Add each as a creator with its OnlyFans user id, or dismiss what was sent by mistake.",
            count=users,
        )


@condition("correction-overruled", title="A correction of earnings no longer stands", severity="warning")
def find_overruled() -> Iterator[Finding]:
    """Find the months of which a source said something new after staff had entered figures."""
    for one in list_overruled(now() - _NEWS):
        month = Month.of(one.month)
        yield Finding(
            scope=f"{one.creator_id} {month}",
            title=f"{one.creator}: the correction of {month.label} no longer stands",
            detail="A source has said something else since. Its figures stand now, and are what is billed.",
            since=one.__dict__["changed_at"],
            link=reverse("admin:onlyfans_earningsrevision_change", args=[one.pk]),
            advice="Compare the versions. Where the new figures are wrong, too, correct them again; else do nothing.",
        )


@condition("results-left", title="Result files came to nothing")
def find_left_results() -> Iterator[Finding]:
    """Find the result files that were rejected or given up, by which of the two."""
    for status in ResultFile.LEFT:
        left = ResultFile.objects.filter(status=status)
        figures = left.aggregate(count=Count("pk"), since=Min("finished_at"))
        if count := figures["count"]:
            last = left.order_by("-id").first()
            ended = "was rejected" if status == ResultFile.Status.REJECTED else "is a dead letter"
            ended_all = "were rejected" if status == ResultFile.Status.REJECTED else "are dead letters"
            yield Finding(
                scope=str(status),
                title=f"A result file {ended}" if count == 1 else f"{count:,} result files {ended_all}",
                detail=f"The last one: {last.wrong if last else ''}",
                since=figures["since"],
                link=f"{reverse('admin:onlyfans_resultfile_changelist')}?status__exact={status}",
                advice="Repair what it names, then press “Read again”. A newer version of it ends it, too, and so does "
                "dismissing it.",
                count=count,
            )


@condition("results-waiting", title="Result files are not read")
def find_waiting_results() -> Iterator[Finding]:
    """Find whether result files wait that were told of a while ago: nobody listens, or the bucket refuses us."""
    waiting = ResultFile.objects.filter(
        status__in=[ResultFile.Status.WAITING, ResultFile.Status.FAILED], received_at__lt=now() - _LONGEST_WAIT
    )
    figures = waiting.filter(attempts=0).aggregate(count=Count("pk"), since=Min("received_at"))
    if count := figures["count"]:
        said = waiting.exclude(error="").values_list("error", flat=True).first()
        yield Finding(
            scope="waiting",
            title=f"{count:,} result files wait" if count > 1 else "A result file waits",
            detail=said or "They were told of more than half an hour ago.",
            since=figures["since"],
            link=f"{reverse('admin:onlyfans_resultfile_changelist')}?status__exact=waiting",
            advice="See that a worker takes the queue “enrichment”, that beat runs, and that the bucket can be read.",
            count=count,
        )
