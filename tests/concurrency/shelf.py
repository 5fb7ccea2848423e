"""Result files about creators whose month was billed before they came, and what must be true when they are read."""

import json
from typing import Any

from analytics.models import Event
from billing.models import InvoiceLine
from common.clock import Month
from onlyfans.models import CreatorAccount, CreatorFigures, EarningsAggregate, EarningsRevision, ResultFile
from onlyfans.providers.notifications import StoredFile
from onlyfans.services.results import take_files
from tests.concurrency.fleet import Fleet
from tests.concurrency.world import RESULTS, Outside
from tests.factories.billing import make_creator, make_organization, make_plan
from tests.factories.runs import bill_here

AUGUST, SEPTEMBER = Month(2026, 8), Month(2026, 9)
_BEFORE, _AFTER = 10_000, 26_000


class Shelf:
    """Creators whose August came and was billed, and a second file about each that changes it."""

    def __init__(self, outside: Outside, settings: Any, count: int) -> None:
        self._s3 = outside.s3
        settings.RESULTS_BUCKET = RESULTS
        organization = make_organization(make_plan(((0, 1000),)), account={"max_change_percent": 10**6})
        self.organization: str = organization.pk
        self.creators = [make_creator(organization) for _ in range(count)]

    def put(self, creator: CreatorAccount, cents: int, version: int) -> StoredFile:
        """Store what somebody earned in August, and return what S3 would tell of it."""
        key = f"jobs/{creator.onlyfans_user_id}/result.json"
        data = {"currency": "USD", "months": {str(AUGUST): {"tips": {"grossCents": cents, "netCents": cents}}}}
        body = {"kind": "earnings", "version": 1, "userId": creator.onlyfans_user_id, "data": data}
        body["observedAt"] = f"2026-11-0{version}T00:00:00Z"
        answer = self._s3.put_object(Bucket=RESULTS, Key=key, Body=json.dumps(body).encode())
        return StoredFile(RESULTS, key, answer["ETag"].strip('"'), f"0{version}")

    def put_fans(self, creator: CreatorAccount) -> StoredFile:
        """Store how many fans somebody has."""
        key, user = f"jobs/{creator.onlyfans_user_id}-fans/result.json", creator.onlyfans_user_id
        body = {"kind": "fans", "version": 1, "userId": user, "observedAt": "2026-11-01T00:00:00Z"}
        body["data"] = {"fans": creator.pk, "fansExpired": 0}
        answer = self._s3.put_object(Bucket=RESULTS, Key=key, Body=json.dumps(body).encode())
        return StoredFile(RESULTS, key, answer["ETag"].strip('"'))

    def take(self, *files: StoredFile) -> list[int]:
        """Take files in; nobody rings."""
        take_files(files, ResultFile.Door.SQS)
        return [ResultFile.objects.get(key=file.key, etag=file.etag).pk for file in files]

    def bill_august(self, fleet: Fleet) -> None:
        """Let August come and be billed."""
        self.take(*(self.put(creator, _BEFORE, 1) for creator in self.creators))
        fleet.let_loose({"do": "process_results"})
        bill_here(AUGUST, self.organization)

    def put_changes(self, creator: CreatorAccount) -> list[StoredFile]:
        """Store what changes somebody's August, and something else."""
        return [self.put(creator, _AFTER, 2), self.put_fans(creator)]

    def prepare(self, fleet: Fleet) -> list[list[int]]:
        """Let August come and be billed, then take in what changes it; return the rows by creator."""
        self.bill_august(fleet)
        return [self.take(*self.put_changes(one)) for one in self.creators]

    def check(self) -> None:
        """See that everything is there once, and that September trues August up to the cent."""
        count = len(self.creators)
        ended = dict.fromkeys(("done", "replaced"), 0) | {"done": 2 * count, "replaced": count}
        statuses = list(ResultFile.objects.values_list("status", flat=True))
        assert {status: statuses.count(status) for status in set(statuses)} == ended
        rows = EarningsAggregate.objects.values_list("creator", "category", "gross_cents", "net_cents")
        assert sorted(rows) == sorted((one.pk, "tips", _AFTER, _AFTER) for one in self.creators)
        assert EarningsRevision.objects.count() == 2 * count
        names = list(Event.objects.values_list("name", flat=True))
        assert {name: names.count(name) for name in set(names)} == {
            "onlyfans.earnings_seen": 2 * count,
            "onlyfans.fans_counted": count,
        }
        figures = CreatorFigures.objects.filter(metric="fans").values_list("user_id", "value")
        assert dict(figures) == {one.onlyfans_user_id: one.pk for one in self.creators}
        bill_here(SEPTEMBER, self.organization)
        lines = InvoiceLine.objects.filter(invoice__month=SEPTEMBER.first_day, kind="adjustment")
        trued_up = {line.creator_id: line.amount_cents for line in lines}
        assert trued_up == {one.pk: (_AFTER - _BEFORE) // 10 for one in self.creators}
        assert lines.count() == count
