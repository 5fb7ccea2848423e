"""Pulling earnings from the gateway."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from pydantic import Field

from accounts.models import Organization
from common.clock import Month, now
from common.errors import Permanent
from common.http import Refused
from common.money import format_money
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Column, Job, JobParams, job
from onlyfans.models import CreatorAccount
from onlyfans.selectors import list_connected
from onlyfans.services.pulling import open_gateway, pull_month, store_statement


def month_of_yesterday(moment: dt.datetime | None = None) -> Month:
    """Find the month that is under way; on its first day the one before, which is whole only now."""
    return Month.of((moment or now()) - dt.timedelta(days=1))


def _money(name: str) -> Any:
    def show(result: dict[str, Any]) -> str:
        return format_money(result[name], result["currency"]) if name in result else ""

    return show


@job(
    "pull-earnings",
    title="Pull earnings",
    schedule="30 1 * * *",
    overlap="forbid",
    batch_size=100,
    http=True,
)
class PullEarnings(Job):
    """Reads creators' earnings of a month from the gateway, as billing does for those of whom it knows nothing."""

    columns = (
        Column("Gross", _money("gross_cents"), numeric=True),
        Column("Net", _money("net_cents"), numeric=True),
        Column("Chargebacks", _money("chargebacks_cents"), numeric=True),
    )
    summary_order = ("month", "creators", "pulled", "connect_again")

    class Params(JobParams):
        """Which month, and whose."""

        month: Month = Field(
            default_factory=month_of_yesterday,
            description="The month to read, up to now where it is under way; yesterday's without one.",
        )
        organizations: tuple[str, ...] = Field((), description="Only the creators of these organizations.")
        creators: tuple[str, ...] = Field((), description="Only these creators, by their OnlyFans user ids.")

    @classmethod
    def scheduled(cls, slot_at: dt.datetime) -> dict[str, Any]:
        """Ask for the month of the day before the slot."""
        return {"month": month_of_yesterday(slot_at)}

    def check(self) -> dict[str, str]:
        """Refuse months to come, and organizations and creators nobody knows."""
        errors = {}
        if self.params.month > Month.of(now()):
            errors["month"] = f"{self.params.month} has not begun yet."
        known = set(Organization.objects.filter(pk__in=self.params.organizations).values_list("pk", flat=True))
        if unknown := sorted(set(self.params.organizations) - known):
            errors["organizations"] = f"There is no organization {', '.join(unknown)}."
        wanted = CreatorAccount.objects.filter(onlyfans_user_id__in=self.params.creators)
        if unknown := sorted(set(self.params.creators) - set(wanted.values_list("onlyfans_user_id", flat=True))):
            errors["creators"] = f"There is no creator {', '.join(unknown)}."
        return errors

    def overlap_scope(self) -> str:
        """Allow some creators to be pulled beside all, but not the same ones twice."""
        return ":".join([str(self.params.month), *sorted(self.params.organizations), *sorted(self.params.creators)])

    def keys(self) -> Iterable[str]:
        """Expect every creator with credentials who was active in the month, or those asked for.

        Nobody where there is no gateway.
        """
        if not settings.ONLYFANS_API_URL:
            return []
        wanted = list_connected(self.params.month.first_day)
        if self.params.creators:
            wanted = CreatorAccount.objects.filter(onlyfans_user_id__in=self.params.creators).order_by("id")
        if self.params.organizations:
            wanted = wanted.filter(organization__in=self.params.organizations)
        return [str(id_) for id_ in wanted.values_list("pk", flat=True)]

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Pull each creator's month, several at once; one whose turn has not come is put off."""
        creators = CreatorAccount.objects.in_bulk([int(key) for key in keys])
        with open_gateway() as gateway:

            def pull(key: str) -> None:
                context.check()
                creator = creators[int(key)]
                try:
                    statement = pull_month(gateway, creator, self.params.month, now(), check=context.check)
                except Refused as error:
                    context.note(key, connect_again=True)
                    raise Permanent(error.message) from None
                store_statement(creator.pk, statement, now())
                context.note(key, **statement.describe())

            context.map(pull, keys)

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Say how many were pulled, and how many must be connected again."""
        expired = run.items.filter(result__connect_again=True).count()
        return {"month": str(self.params.month), "creators": run.expected, "pulled": run.done, "connect_again": expired}

    @classmethod
    def names(cls, keys: Sequence[str]) -> dict[str, str]:
        """Name the creators."""
        found = CreatorAccount.objects.filter(pk__in=[int(key) for key in keys])
        return {str(pk): name for pk, name in found.values_list("pk", "display_name")}

    @classmethod
    def link(cls, key: str, result: dict[str, Any]) -> tuple[str, str] | None:
        """Lead to the creator."""
        return f"Creator {key}", f"onlyfans_creatoraccount:{key}"
