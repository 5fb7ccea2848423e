"""What the run list and the run page show."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs.admin.paging import ItemQuery, find_page
from jobs.models import JobItem, JobRun
from tests.factories.billing import make_organization
from tests.factories.ledger import make_failed_run, make_item, make_run
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db


def _change(run: JobRun) -> str:
    return reverse("admin:jobs_jobrun_change", args=[run.pk])


def _list(client: Client, query: str = "") -> list[int]:
    content = client.get(reverse("admin:jobs_jobrun_changelist") + query).content.decode()
    return [int(pk) for pk in re.findall(r'<a href="/admin/jobs/jobrun/(\d+)/change/', content)]


def _text(client: Client, address: str) -> str:
    content = re.sub(r"<[^>]+>", " ", client.get(address).content.decode())
    return re.sub(r"\s+", " ", content)


def test_the_list_shows_the_newest_first_with_counts_and_parameters_in_words() -> None:
    first, second = make_failed_run(failed=2, done=1), make_run("hourly-usage", "succeeded")
    client = log_in("Read only")
    assert _list(client) == [second.pk, first.pk]
    text = _text(client, reverse("admin:jobs_jobrun_changelist"))
    assert "October 2026" in text
    assert "3 of 3 · 2 failed" in text
    assert "Partly failed" in text


def test_the_list_is_filtered_by_job_state_trigger_dry_run_and_day() -> None:
    billing, usage = make_run(status="failed"), make_run("hourly-usage", "succeeded", trigger="schedule")
    dry = make_run(dry_run=True, status="succeeded")
    JobRun.objects.filter(pk=usage.pk).update(created_at="2026-03-31T23:59:59Z")
    client = log_in("Read only")
    assert _list(client, "?job=hourly-usage") == [usage.pk]
    assert _list(client, "?status__exact=failed") == [billing.pk]
    assert _list(client, "?trigger__exact=schedule") == [usage.pk]
    assert _list(client, "?dry_run=yes") == [dry.pk]
    assert _list(client, "?dry_run=no") == [usage.pk, billing.pk]
    assert _list(client, "?day=2026-03-31") == [usage.pk]
    assert _list(client, "?day=2026-04-01") == []
    assert _list(client, "?day=nonsense") == []


def test_the_list_counts_nothing() -> None:
    client = log_in("Read only")
    make_failed_run()
    _list(client)
    with CaptureQueriesContext(connection) as queries:
        _list(client)
    assert not [query["sql"] for query in queries if "COUNT(" in query["sql"]]


def test_the_page_tells_who_why_and_what_became_of_each_item() -> None:
    run = make_failed_run(reason="A new plan", summary={"month": "2026-10", "revenue_cents": {"USD": 123456}})
    item = JobItem.objects.get(key="org_failed0")
    item.steps = {
        "compute": {"status": "failed", "attempts": 3, "errors": [{"at": "x", "kind": "y", "message": "Too early"}]}
    }
    item.save()
    text = _text(log_in("Read only"), _change(run))
    assert "Reason A new plan" in text
    assert "Invoiced, with tax USD 1,234.56" in text
    assert "The plan has no brackets." in text
    assert "Too early" in text
    assert "2 failed at compute" in text


def test_parent_and_reruns_lead_to_each_other() -> None:
    parent = make_failed_run()
    child = make_run(parent=parent, mode="failed", status="succeeded")
    client = log_in("Read only")
    assert f'href="{_change(parent)}"' in client.get(_change(child)).content.decode()
    assert f'href="{_change(child)}"' in client.get(_change(parent)).content.decode()


def test_billing_items_show_the_amount_and_how_it_differs() -> None:
    run = make_run(dry_run=True, expected=1, done=1, status="succeeded")
    figures = {"currency": "EUR", "total_cents": 12_000, "already_cents": 13_000, "former_total_cents": 11_950}
    make_item(run, "org_a", result={**figures, "invoice_id": 77})
    text = _text(log_in("Finance"), _change(run))
    assert "EUR 120.00 EUR 130.00 -EUR 10.00 EUR 119.50 +EUR 0.50" in text


def test_an_item_leads_to_what_it_worked_on_but_not_to_what_a_dry_run_undid() -> None:
    client = log_in("Finance")
    for dry_run, link in (
        (False, "/admin/billing/invoice/77/change/"),
        (True, "/admin/accounts/organization/org_a/change/"),
    ):
        run = make_run(dry_run=dry_run, expected=1, done=1, status="succeeded")
        make_item(run, "org_a", result={"invoice_id": 77, "number": "INV-2026-000001"})
        assert f'href="{link}"' in client.get(_change(run)).content.decode()


def test_an_item_is_named_and_stands_at_a_step_only_until_it_is_done() -> None:
    run = make_run(job="monthly-billing", expected=2, done=1, failed=1, status="partial")
    organization = make_organization(id="org_a", name="Étoile & Co")
    make_item(run, organization.pk, step="void")
    make_item(run, "org_b", status="failed", step="stripe", error="Refused.")
    text = _text(log_in("Read only"), _change(run))
    assert "org_a Étoile &amp; Co Done org_a" in text
    assert "org_b Failed stripe Refused." in text


def test_an_active_run_asks_for_its_progress_and_an_ended_one_reloads_the_page() -> None:
    client, run = log_in("Read only"), make_run(status="running", expected=4, done=1)
    address = reverse("admin:jobs_jobrun_progress", args=[run.pk])
    assert f'hx-get="{address}"' in client.get(_change(run)).content.decode()
    fragment = client.get(address)
    assert ("HX-Refresh" in fragment, "25 %" in fragment.content.decode()) == (False, True)
    JobRun.objects.update(status="succeeded")
    fragment = client.get(address)
    assert (fragment["HX-Refresh"], "hx-get" in fragment.content.decode()) == ("true", False)
    assert "hx-get" not in re.sub(r"hx-get=\"/admin/search/\"", "", client.get(_change(run)).content.decode())


def test_a_run_without_items_says_so() -> None:
    assert "There was nothing to work on." in _text(log_in("Read only"), _change(make_run(status="nothing_to_do")))


@pytest.mark.parametrize("address", ["999999", "nonsense", "9" * 40, "-1"])
def test_a_run_that_is_not_there_is_not_found(address: str) -> None:
    assert log_in("Read only").get(f"/admin/jobs/jobrun/{address}/change/").status_code == 404


def test_items_are_filtered_by_state_step_and_the_beginning_of_the_key() -> None:
    run = make_failed_run(failed=2, done=2)
    make_item(run, "100%_off", "failed", step="number")

    def keys(**query: str) -> list[str]:
        return [item.key for item in find_page(run, ItemQuery(**query)).items]  # type: ignore[arg-type]  # text fields only

    assert keys(status="failed") == ["org_failed0", "org_failed1", "100%_off"]
    assert keys(status="failed", step="number") == ["100%_off"]
    assert keys(step="number") == ["org_done0", "org_done1", "100%_off"]
    assert keys(key="org_d") == ["org_done0", "org_done1"]
    assert keys(key="100%") == ["100%_off"]
    assert keys(key="%") == []


@pytest.mark.parametrize(
    "query",
    [
        *({}, {"status": "failed"}, {"status": "done"}, {"key": "k"}, {"step": "b"}, {"status": "failed", "step": "b"}),
        *(
            {"sort": "-key"},
            {"sort": "state"},
            {"sort": "-state"},
            {"sort": "-step"},
            {"sort": "step", "status": "done"},
        ),
        {"sort": "-state", "step": "b"},
    ],
)
def test_pages_follow_each_other_in_both_directions_without_gap_or_double(query: dict[str, str]) -> None:
    run = make_run(expected=40)
    for number in range(40):
        state = "failed" if number % 2 else "done"
        make_item(run, f"k{number * 7 % 40:02}", state, step="ab"[number // 3 % 2])
    wanted = ItemQuery(**query)  # type: ignore[arg-type]  # text fields only
    whole = [item.pk for item in find_page(run, wanted, 100).items]
    seen, page = [], find_page(run, wanted, 7)
    assert page.newer == ""
    while True:
        seen += [item.pk for item in page.items]
        if not page.older:
            break
        page = find_page(run, ItemQuery(**query, after=page.items[-1].pk), 7)  # type: ignore[arg-type]
    assert seen == whole
    backwards: list[int] = [item.pk for item in page.items]
    while page.newer:
        page = find_page(run, ItemQuery(**query, before=page.items[0].pk), 7)  # type: ignore[arg-type]
        backwards = [item.pk for item in page.items] + backwards
    assert backwards == whole


def test_items_sort_by_key_state_and_step_and_keep_their_filter() -> None:
    run = make_run(expected=3)
    for key, status, step in (("a", "done", "x"), ("b", "failed", "z"), ("c", "done", "y")):
        make_item(run, key, status, step=step)

    def keys(sort: str) -> list[str]:
        return [item.key for item in find_page(run, ItemQuery(sort=sort)).items]

    assert (keys("key"), keys("-key")) == (["a", "b", "c"], ["c", "b", "a"])
    assert (keys("state"), keys("-state")) == (["a", "c", "b"], ["b", "c", "a"])
    assert (keys("step"), keys("-step")) == (["a", "c", "b"], ["b", "c", "a"])

    page = log_in("Read only").get(_change(run) + "?status=done&sort=-step").content.decode()
    assert '<th aria-sort="descending"><a class="hz-sort" href="?status=done&amp;sort=step">Step</a>' in page
    assert '<th aria-sort="none"><a class="hz-sort" href="?status=done&amp;sort=key">Key</a>' in page
    assert '<input type="hidden" name="sort" value="-step">' in page


def test_nonsense_in_the_query_counts_as_not_given() -> None:
    run = make_failed_run()
    client = log_in("Read only")
    for query in ("?status=nonsense&after=x&before=-1&sort=--key", "?after=99999999999999999999999"):
        assert "org_failed0" in client.get(_change(run) + query).content.decode()


def test_items_of_all_runs_are_found_by_their_whole_key() -> None:
    first, second = make_failed_run(failed=1), make_failed_run(failed=1)
    client = log_in("Read only")
    content = client.get(reverse("admin:jobs_jobitem_changelist") + "?q=org_failed0").content.decode()
    assert (str(first) in content, str(second) in content) == (True, True)
    assert "org_done0" not in content
    item = first.items.get(key="org_failed0")
    led = client.get(reverse("admin:jobs_jobitem_change", args=[item.pk]))
    assert led["Location"] == f"{_change(first)}?q=org_failed0"
