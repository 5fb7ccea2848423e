"""Members of staff, in the groups that the product declares."""

from itertools import count

from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from accounts.services.roles import sync_roles

PASSWORD = "correct horse battery staple"
_numbers = count(1)


def make_staff(group: str = "", *, superuser: bool = False, name: str = "") -> User:
    """Make somebody who may log in to the admin: in a group, or a superuser."""
    number = next(_numbers)
    user = User.objects.create_user(
        f"staff{number}@example.test",
        PASSWORD,
        name=name or f"{group or 'Staff'} {number}",
        is_staff=True,
        is_superuser=superuser,
    )
    if group:
        user.groups.add(_group(group))
    return user


def _group(name: str) -> Group:
    """Find a group; a test that emptied the whole database by other means than the plugin's took it with it."""
    if not Group.objects.filter(name=name).exists():
        sync_roles()
    return Group.objects.get(name=name)


def log_in(group: str = "", *, superuser: bool = False) -> Client:
    """Make somebody and return a client logged in as them."""
    client = Client()
    client.force_login(make_staff(group, superuser=superuser))
    return client
