"""Users of the former system: people, their organizations, and the creators among them."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import identify_hasher, make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.models import Organization, User
from accounts.services.auditing import describe_action, record_actions
from common.clock import now
from common.importing import Record, Result, Verdict, importer
from common.validators import drop_unseen
from huntaze.importing.values import pick, pick_text, read_instant
from onlyfans.models import CreatorAccount

# What each thing may be called there; the first one that says anything counts.
FIELDS = {
    "id": ("userId", "user_id", "id"),
    "email": ("email", "emailAddress", "email_address"),
    "name": ("name", "fullName", "full_name", "displayName", "display_name"),
    "organization_id": ("organizationId", "organization_id", "orgId", "org_id"),
    "organization_name": ("organizationName", "organization_name", "company"),
    "role": ("role",),
    "status": ("status",),
    "is_active": ("isActive", "is_active"),
    "created_at": ("createdAt", "created_at"),
    "password": ("passwordHash", "password_hash"),
    "onlyfans_user_id": ("onlyfansUserId", "onlyfans_user_id", "ofUserId", "of_user_id"),
}
_OWNERS = {"owner", "admin", "creator"}
_GONE = {"inactive", "disabled", "suspended", "deleted", "closed", "banned"}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_LONGEST_NAME, _LONGEST_HASH = 200, 128
WHO = "Import from DynamoDB"


@dataclass(frozen=True)
class Person:
    """A user as they were there."""

    email: str
    name: str
    organization_id: str
    organization_name: str
    role: str
    is_active: bool
    created_at: Any
    password: str
    onlyfans_user_id: str


def organization_id_of(attributes: Mapping[str, Any]) -> str:
    """Find what the organization of a record is called here; empty where it names neither one nor a user.

    A user who belonged to no organization there is one here, called after them.
    """
    if named := pick_text(attributes, FIELDS["organization_id"]):
        return named if _ID.match(named) else _derive(named)
    user = pick_text(attributes, FIELDS["id"])
    return _derive(user) if user else ""


def _derive(text: str) -> str:
    fits = _ID.match(f"org_{text}")
    return f"org_{text}" if fits else f"org_u{hashlib.sha256(text.encode()).hexdigest()[:20]}"


@importer("users")
def take_users(records: Sequence[Record]) -> list[Result]:
    """Make users, organizations and creators, or bring those that are there up to date; staff are left alone."""
    return [_take(record) for record in records]


def _take(record: Record) -> Result:
    person = read_person(record.attributes)
    if not isinstance(person, Person):
        return Result(Verdict.REJECTED, person)
    user = User.objects.filter(email=person.email).first()
    creator = CreatorAccount.objects.filter(onlyfans_user_id=person.onlyfans_user_id).first()
    if wrong := _judge(person, user, creator):
        return Result(Verdict.REJECTED, wrong)
    organization, is_new = Organization.objects.get_or_create(
        pk=person.organization_id,
        defaults={"name": person.organization_name, "email": person.email, "created_at": person.created_at},
    )
    made: list[Any] = [organization] if is_new else []
    verdict = Verdict.UNCHANGED
    if user is None:
        made.append(_create(person, organization))
        verdict = Verdict.CREATED
    elif (user.name, user.is_active) != (person.name, person.is_active):
        user.name, user.is_active = person.name, person.is_active
        user.save(update_fields=["name", "is_active"])
        verdict = Verdict.UPDATED
    if person.onlyfans_user_id and creator is None:
        made.append(
            CreatorAccount.objects.create(
                organization=organization,
                onlyfans_user_id=person.onlyfans_user_id,
                display_name=person.name or person.onlyfans_user_id,
                created_at=person.created_at,
            )
        )
    record_actions([describe_action("import", thing, who=WHO) for thing in made])
    return Result(verdict if verdict != Verdict.UNCHANGED or not made else Verdict.UPDATED)


def _judge(person: Person, user: User | None, creator: CreatorAccount | None) -> dict[str, str]:
    """Say what is in the way: an address or a creator that is somebody else's here."""
    if user and user.is_staff:
        return {"email": "Somebody with this address is staff here, and left alone."}
    if user and user.organization_id != person.organization_id:
        return {"email": f"Somebody with this address belongs to {user.organization_id or 'no organization'} here."}
    if creator and creator.organization_id != person.organization_id:
        return {"onlyfansUserId": f"This creator belongs to {creator.organization_id} here."}
    return {}


def _create(person: Person, organization: Organization) -> User:
    user = User(
        email=person.email,
        name=person.name,
        organization=organization,
        role=person.role,
        is_active=person.is_active,
        date_joined=person.created_at,
        password=person.password,
    )
    user.save(force_insert=True)
    return user


def read_person(attributes: Mapping[str, Any]) -> Person | dict[str, str]:
    """Read a user, or say what is wrong by attribute."""
    wrong: dict[str, str] = {}
    email = pick_text(attributes, FIELDS["email"]).lower()
    try:
        validate_email(email)
    except ValidationError:
        wrong["email"] = "This is no e-mail address."
    try:
        created_at = read_instant(pick(attributes, FIELDS["created_at"])) or now()
    except ValueError:
        wrong["createdAt"], created_at = "This is no instant.", now()
    organization_id = organization_id_of(attributes)
    if not organization_id:
        wrong["userId"] = "Neither a user's nor an organization's id is given."
    creator = pick_text(attributes, FIELDS["onlyfans_user_id"])
    if len(creator) > 64:
        wrong["onlyfansUserId"] = "This is too long to be an id."
    elif creator in {".", ".."}:
        wrong["onlyfansUserId"] = "This is no id: an address would read it as a step."
    if wrong:
        return wrong
    name = drop_unseen(pick_text(attributes, FIELDS["name"]))[:_LONGEST_NAME]
    role = pick_text(attributes, FIELDS["role"]).lower()
    return Person(
        email=email,
        name=name,
        organization_id=organization_id,
        organization_name=(drop_unseen(pick_text(attributes, FIELDS["organization_name"])) or name or email)[
            :_LONGEST_NAME
        ],
        role=User.Role.OWNER if not role or role in _OWNERS else User.Role.MEMBER,
        is_active=_is_active(attributes),
        created_at=created_at,
        password=read_password(pick_text(attributes, FIELDS["password"])),
        onlyfans_user_id=creator,
    )


def _is_active(attributes: Mapping[str, Any]) -> bool:
    told = pick(attributes, FIELDS["is_active"])
    gone = pick_text(attributes, FIELDS["status"]).lower() in _GONE
    return not gone and told not in (False, 0, "false", "0")


def read_password(stored: str) -> str:
    """Take a password over that is stored in a format that we check by ourselves; any other one must be set anew."""
    try:
        needs_more = getattr(identify_hasher(stored), "library", None)
    except ValueError:
        return make_password(None)
    # What another library must check may be a password that nobody can log in with.
    return make_password(None) if needs_more or len(stored) > _LONGEST_HASH else stored
