"""Between tests everything goes but what a migration leaves, whoever threw it away or added to it."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db.models import Count
from django_celery_beat.models import PeriodicTask

from jobs.models import JobMonitor, JobSchedule
from tests.factories.billing import make_organization


def look() -> dict[str, list[Any]]:
    """List what a migration leaves, but for numbers and instants."""
    return {
        "types": sorted(ContentType.objects.values_list("app_label", "model")),
        "permissions": sorted(Permission.objects.values_list("content_type__model", "codename")),
        "groups": sorted(Group.objects.annotate(count=Count("permissions")).values_list("name", "count")),
        "tasks": sorted(PeriodicTask.objects.values_list("name", "task", "enabled")),
        "schedules": sorted(JobSchedule.objects.values_list("task__name", "timetable")),
        "monitors": sorted(JobMonitor.objects.values_list("job", "state")),
    }


def empty() -> None:
    """Do what is done after each test with real commits."""
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


@pytest.mark.django_db(transaction=True)
def test_what_a_migration_leaves_is_put_back() -> None:
    left = look()
    assert all(left.values())
    organization = make_organization()
    PeriodicTask.objects.filter(name="sweep").delete()
    Group.objects.create(name="Strangers")
    Permission.objects.filter(codename="view_invoice").delete()
    JobMonitor.objects.update(state="failing")
    empty()
    empty()
    assert look() == left
    assert not type(organization).objects.exists()
    # New rows get numbers of their own.
    assert Group.objects.create(name="Strangers").pk > max(
        Group.objects.exclude(name="Strangers").values_list("pk", flat=True)
    )
