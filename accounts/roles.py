"""The groups of staff that the product itself declares."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_ROLES: "dict[str, Role]" = {}


@dataclass(frozen=True, slots=True)
class Role:
    """A group and what it may do: see everything but `hidden`, and do what is granted, as codenames by app."""

    name: str
    granted: Mapping[str, Sequence[str]]
    hidden: Mapping[str, Sequence[str]]


def declare_roles(roles: Iterable[Role]) -> None:
    """Make roles known, instead of those declared before."""
    _ROLES.clear()
    _ROLES.update({role.name: role for role in roles})


def list_roles() -> list[Role]:
    """List the declared roles."""
    return list(_ROLES.values())


def is_declared(name: str) -> bool:
    """Return whether a group's permissions are declared in code."""
    return name in _ROLES
