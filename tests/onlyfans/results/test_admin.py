"""Result files in the admin, and what alerts hear of them."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import AuditEntry
from common.clock import now
from huntaze.queues import list_work
from onlyfans.checks import find_left_results, find_waiting_results
from onlyfans.models import ResultFile
from tests.factories.billing import make_creator, make_organization
from tests.factories.results import make_rejected, make_result
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
LIST = "/admin/onlyfans/resultfile/"


def page_of(file: ResultFile) -> str:
    return reverse("admin:onlyfans_resultfile_change", args=[file.pk])


def retry_of(file: ResultFile) -> str:
    return reverse("admin:onlyfans_resultfile_retry", args=[file.pk])


def listed(client: Client, **query: str) -> list[int]:
    found: Any = client.get(f"{LIST}?{urlencode(query)}").context["cl"].result_list
    return [file.pk for file in found]


def test_the_list_says_what_came_of_each() -> None:
    creator = make_creator(make_organization(), display_name="Ada", onlyfans_user_id="of_ada")
    brought = {"events": 1, "figures": 0, "aggregates": {"created": 1, "stale": 2}}
    done = make_result(kind="earnings", user_id="of_ada", brought=brought)
    rejected = make_rejected()
    kept = ResultFile.objects.create(
        key="digest", door="sqs", status="dead", message="x", error="It is not valid JSON."
    )
    client = log_in("Read only")
    page = client.get(LIST).content.decode()
    assert "1 month created; 2 months stale; 1 event" in page
    assert reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk]) in page
    assert "data.fans: Give a whole number." in page
    assert "Unreadable notification" in page and "It is not valid JSON." in page
    assert listed(client) == [kept.pk, rejected.pk, done.pk]
    assert listed(client, status__exact="dead") == [kept.pk]
    assert listed(client, kind__exact="earnings") == [done.pk]
    assert listed(client, door__exact="repair") == []
    for text in (rejected.job_id, rejected.key):
        assert listed(client, q=text) == [rejected.pk]
    assert listed(client, q="of_ada") == [done.pk]
    assert listed(client, q="nothing") == []


@pytest.mark.parametrize("status", ["waiting", "working", "done", "replaced"])
def test_a_page_for_every_state(status: str) -> None:
    file = make_result(status, kind="fans", user_id="nobody", figures={"fans": 12}, error="It was slow.", size=1234)
    page = log_in("Support").get(page_of(file)).content.decode()
    assert file.state in page
    assert file.address in page
    assert retry_of(file) not in page


def test_what_turns_text_around_in_a_key_is_not_shown() -> None:
    file = make_result("dead", key="jobs/a\u202egnp.b/result.json", job_id="a\u202egnp.b", error="It is gone.")
    client = log_in("Operations")
    for page in (client.get(page_of(file)), client.get(LIST)):
        assert "agnp.b" in page.content.decode() and "\u202e" not in page.content.decode()
    (found,) = find_left_results()
    assert "jobs/agnp.b/result.json" in found.title and "\u202e" not in found.title + found.detail


def test_a_page_says_why() -> None:
    file = make_rejected()
    client = log_in("Operations")
    page = client.get(page_of(file)).content.decode()
    assert "Why it was rejected" in page and "Give a whole number." in page
    assert retry_of(file) in page
    kept = ResultFile.objects.create(key="digest", door="sqs", status="dead", message="<b>odd</b>", error="No.")
    page = client.get(page_of(kept)).content.decode()
    assert "&lt;b&gt;odd&lt;/b&gt;" in page


def test_reading_again_asks_why_and_writes_who_did(django_capture_on_commit_callbacks: Any) -> None:
    file, client = make_rejected(), log_in("Finance")
    assert client.get(retry_of(file)).status_code == 200
    assert client.post(retry_of(file), {"reason": ""}).status_code == 200
    assert ResultFile.objects.get().status == "rejected"
    assert not AuditEntry.objects.filter(verb="retry").exists()
    with django_capture_on_commit_callbacks() as callbacks:
        assert client.post(retry_of(file), {"reason": "The worker is repaired"}).status_code == 302
    assert [getattr(one, "__name__", "") for one in callbacks] == ["ring"]
    after = ResultFile.objects.get()
    assert (after.status, after.attempts, after.reasons, after.error) == ("waiting", 0, [], "")
    entry = AuditEntry.objects.get(verb="retry")
    assert (entry.object_id, entry.reason, entry.before) == (
        str(file.pk),
        "The worker is repaired",
        {"status": "Rejected"},
    )


def test_what_is_done_is_not_read_again() -> None:
    done, dead = make_result(), make_result("dead")
    client = log_in("Operations")
    client.post(LIST, {"action": "retry_selected", "_selected_action": [done.pk, dead.pk]})
    assert list(ResultFile.objects.order_by("pk").values_list("status", flat=True)) == ["done", "waiting"]
    assert AuditEntry.objects.filter(verb="retry").count() == 1


def test_who_may_only_look() -> None:
    file = make_rejected()
    for group in ("Support", "Read only"):
        client = log_in(group)
        assert retry_of(file) not in client.get(page_of(file)).content.decode()
        assert client.post(retry_of(file), {"reason": "Because"}).status_code == 403
        client.post(LIST, {"action": "retry_selected", "_selected_action": [file.pk]})
    assert ResultFile.objects.get().status == "rejected"


def test_alerts_hear_of_what_came_to_nothing() -> None:
    assert list(find_left_results()) == []
    first, last = make_rejected(), make_rejected()
    dead = make_result("dead", error="It is no longer in the bucket.")
    make_result("replaced")
    found = {one.scope: (one.title, one.detail, one.count) for one in find_left_results()}
    assert found == {
        "rejected": (
            "2 result files were rejected",
            f"The last: {last} and {first}. data.fans: Give a whole number.",
            2,
        ),
        "dead": (
            f"The result file {dead} could not be processed",
            f"The last: {dead}. It is no longer in the bucket.",
            1,
        ),
    }


def test_what_waits_is_among_the_work_of_its_queue() -> None:
    make_result("waiting", received_at=now() - dt.timedelta(minutes=5))
    make_result("waiting", error="It was slow.", not_before=now() + dt.timedelta(hours=1))
    make_result("dead")
    (work,) = [work for work in list_work() if work.queue == "enrichment"]
    assert (work.count, work.seconds >= 300) == (1, True)


def test_alerts_hear_of_what_nobody_reads() -> None:
    file = make_result("waiting")
    assert list(find_waiting_results()) == []
    since = now() - dt.timedelta(hours=1)
    ResultFile.objects.update(received_at=since)
    (found,) = find_waiting_results()
    assert (found.title, found.since, found.count) == (f"The result file {file} is not being read", since, 1)
    assert found.detail == f"Announced more than half an hour ago and not read: {file}."
