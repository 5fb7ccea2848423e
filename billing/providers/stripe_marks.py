"""Our marks in the metadata of what we create in Stripe: by them we find it again, whatever our rows say.

A mark says what a thing is, never which row tells of it: a database restored from a backup counts its rows anew.
"""

import datetime as dt
import re
from dataclasses import dataclass

DOCUMENT_MARK, ORGANIZATION_MARK, LINE_MARK = "huntaze_document", "huntaze_organization", "huntaze_line"
_DOCUMENT = re.compile(
    r"([0-9a-f-]{36})/([A-Za-z0-9_-]{1,64})/(\d{4})-(0[1-9]|1[0-2])/(invoice|credit_note)/(\d{1,4})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a document is: whose books it is in, and which of an organization's documents of a kind for a month."""

    installation: str
    organization: str
    month: dt.date
    kind: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.installation}/{self.organization}/{self.month:%Y-%m}/{self.kind}/{self.ordinal}"


def read_identity(mark: str) -> Identity | None:
    """Read a document's mark; None where it is none of ours."""
    found = _DOCUMENT.fullmatch(mark)
    if found is None or found[3] == "0000":
        return None
    month = dt.date(int(found[3]), int(found[4]), 1)
    return Identity(found[1], found[2], month, found[5], int(found[6]))


def mark_organization(installation: str, organization: str) -> str:
    """Return the mark of an organization's customer."""
    return f"{installation}/{organization}"


def read_organization(mark: str, installation: str) -> str:
    """Read whose customer a mark says it is; empty where it is none of this installation's."""
    whose, _, organization = mark.partition("/")
    return organization if whose == installation else ""
