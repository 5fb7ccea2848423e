"""What somebody took home of a dashboard, for the audit trail."""

from dataclasses import dataclass

from accounts.models import Organization, User
from accounts.services.auditing import describe_action, record_actions
from analytics.registry import Card, CreatorName, Scope


@dataclass(frozen=True, slots=True)
class Export:
    """A file with all rows of a card: of which days, and of whom, None where it is all of them."""

    card: Card
    scope: Scope
    owner: Organization | None
    creator: CreatorName | None
    kind: str
    rows: int


def record_export(export: Export, actor: User) -> None:
    """Write down who took it."""
    scope, owner, creator = export.scope, export.owner, export.creator
    told = {
        "file": export.kind.upper(),
        "from": scope.first_day,
        "to": scope.last_day,
        "organization": f"{owner.name} ({owner.pk})" if owner else "all",
        "creator": f"{creator.name} ({creator.creator}, {scope.provider})" if creator else "all",
        "rows": export.rows,
    }
    entry = describe_action("export", None, actor=actor, after=told)
    entry.object_name = export.card.title
    record_actions([entry])
