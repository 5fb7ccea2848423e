"""What happened, once and for all: a row an event, kept in a table a month."""

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from accounts.models import Organization

LONGEST = {"name": 80, "creator": 64, "provider": 32, "source": 64, "organization_id": 64, "idempotency_key": 255}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*\Z")
# What a text of the database can't hold.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class InvalidEvent(ValueError):
    """An event that can't be recorded; `fields` says why, by the name of the field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {said}" for name, said in fields.items()))
        self.fields = dict(fields)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened, to be recorded; InvalidEvent where it can't be.

    `name` is dotted, what first and what became of it second, like `invoice.paid`. `idempotency_key` says which
    happening it is: the same key is the same event, whoever tells of it, when, and whatever else stands in it.
    `creator` is the provider's own id. Amounts in `properties` are integers of the smallest unit, named `…_cents`.
    """

    name: str
    occurred_at: dt.datetime
    idempotency_key: str
    organization_id: str | None = None
    creator: str = ""
    provider: str = ""
    source: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if wrong := {name: said for name in LONGEST if (said := self._judge(name))} | self._judge_instant():
            raise InvalidEvent(wrong)

    def _judge(self, name: str) -> str:
        value = getattr(self, name) or ""
        if len(value) > LONGEST[name]:
            return f"At most {LONGEST[name]} characters are kept."
        if _UNSTORABLE.search(value):
            return "This holds a character that can't be stored."
        if name == "name" and not _NAME.match(value):
            return "Use letters, digits and _ . : / - like invoice.paid."
        return "This is required." if name == "idempotency_key" and not value else ""

    def _judge_instant(self) -> dict[str, str]:
        if self.occurred_at.tzinfo is None:
            return {"occurred_at": "Give an instant with its time zone."}
        try:
            self.occurred_at.astimezone(dt.UTC)
        except OverflowError:
            return {"occurred_at": "That is beyond the years 1 to 9999 in UTC."}
        return {}


def digest_key(key: str) -> uuid.UUID:
    """Shorten an idempotency key to what is unique in the database: the first half of its SHA-256."""
    return uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16])


class Event(models.Model):
    """One thing that happened; `occurred_at` is when it did, `recorded_at` when we were told.

    The table is partitioned by the month of `occurred_at`, and the database refuses every change of a row. Ids are
    unique over all partitions, for they come from one sequence.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=LONGEST["name"])
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    # An index below begins with it.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    creator = models.CharField(max_length=LONGEST["creator"], blank=True, help_text="The provider's own id.")
    provider = models.CharField(max_length=LONGEST["provider"], blank=True)
    source = models.CharField(max_length=LONGEST["source"], blank=True, help_text="Who told of it.")
    properties = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=LONGEST["idempotency_key"])

    class Meta:
        ordering = ["-occurred_at", "-id"]
        verbose_name_plural = "event log"
        default_permissions = ("view",)
        permissions = [("record_event", "Can record events by the API")]
        indexes = [
            models.Index(fields=["occurred_at", "id"], name="analytics_event_time"),
            models.Index(fields=["name", "occurred_at", "id"], name="analytics_event_name"),
            models.Index(fields=["organization", "occurred_at", "id"], name="analytics_event_org"),
            models.Index(fields=["organization", "name", "occurred_at", "id"], name="analytics_event_org_name"),
            models.Index(
                fields=["creator", "occurred_at", "id"], condition=~models.Q(creator=""), name="analytics_event_creator"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.occurred_at:%Y-%m-%d %H:%M:%S}"


class EventKey(models.Model):
    """That an idempotency key was seen: unique over all months, which no index of a partitioned table could be."""

    digest = models.UUIDField(primary_key=True)
    event_id = models.BigIntegerField()

    class Meta:
        default_permissions = ()
