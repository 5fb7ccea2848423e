"""What staff may do with runs: each button is there for whoever may, and its address refuses everybody else."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from jobs.models import JobItem, JobRun
from tests.factories.ledger import make_failed_run, make_item, make_run
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db

MAY_BILL = ["Finance"]
MAY_NOT_BILL = ["Operations", "Support", "Read only"]
BUTTONS = ("Rerun failed", "Rerun missing", "Rerun all", "Cancel")


def _page(client: Client, run: JobRun) -> str:
    response = client.get(reverse("admin:jobs_jobrun_change", args=[run.pk]))
    assert response.status_code == 200
    return str(response.content.decode())


def _buttons(client: Client, run: JobRun) -> set[str]:
    content = _page(client, run)
    return {text for text in BUTTONS if re.search(rf">\s*{text}\s*</a>", content)}


def _rerun(run: JobRun, mode: str = "failed") -> str:
    return reverse("admin:jobs_jobrun_rerun", args=[run.pk, mode])


def _mark(client: Client, address: str) -> str:
    found = re.search(r'name="mark" value="([0-9a-f]{32})"', client.get(address).content.decode())
    assert found
    return found[1]


def _post(client: Client, address: str, **values: str) -> str:
    """Send a page's form with a fresh mark; return where it leads, or what it shows instead."""
    response = client.post(address, {"mark": _mark(client, address), **values})
    return str(response["Location"]) if response.status_code == 302 else str(response.content.decode())


def _preview(run: JobRun, mode: str = "failed") -> JobRun:
    return make_run(parent=run, mode=mode, dry_run=True, status="succeeded", params={**run.params, "dry_run": True})


@pytest.mark.parametrize("group", MAY_BILL)
def test_buttons_are_there_for_whoever_may_bill(group: str) -> None:
    client = log_in(group)
    assert _buttons(client, make_failed_run()) == {"Rerun failed", "Rerun missing", "Rerun all"}
    assert _buttons(client, make_run(status="running")) == {"Cancel"}


@pytest.mark.parametrize("group", MAY_NOT_BILL)
def test_others_see_the_run_without_buttons_and_every_address_refuses_them(group: str) -> None:
    client, ended, active = log_in(group), make_failed_run(), make_run(status="running")
    assert _buttons(client, ended) == _buttons(client, active) == set()
    addresses = [
        *(_rerun(ended, mode) for mode in ("failed", "missing", "all")),
        reverse("admin:jobs_jobrun_cancel", args=[active.pk]),
        reverse("admin:jobs_jobrun_start_job", args=["monthly-billing"]),
    ]
    for address in addresses:
        assert client.get(address).status_code == 403
        refused = client.post(address, {"mark": "0" * 32, "reason": "x", "action": "rerun", "month": "2026-10"})
        assert refused.status_code == 403
    assert JobRun.objects.count() == 2
    active.refresh_from_db()
    assert active.cancel_requested_at is None


def test_operations_start_what_is_theirs_and_finance_what_is_theirs() -> None:
    usage = reverse("admin:jobs_jobrun_start_job", args=["hourly-usage"])
    assert log_in("Operations").get(usage).status_code == 200
    assert log_in("Finance").get(usage).status_code == 403


def test_read_only_staff_see_no_way_to_start_and_are_refused() -> None:
    client = log_in("Read only")
    assert "Start a job" not in client.get(reverse("admin:jobs_jobrun_changelist")).content.decode()
    assert client.get(reverse("admin:jobs_jobrun_start")).status_code == 403


def test_strangers_are_sent_to_the_log_in() -> None:
    run = make_failed_run()
    for address in (_rerun(run), reverse("admin:jobs_jobrun_progress", args=[run.pk])):
        assert Client().get(address)["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("model", ["jobrun", "jobitem"])
def test_not_even_a_superuser_adds_changes_or_deletes_rows_of_the_ledger(model: str) -> None:
    client, run = log_in(superuser=True), make_failed_run(failed=1, done=0)
    pk = run.pk if model == "jobrun" else JobItem.objects.get().pk
    assert client.get(f"/admin/jobs/{model}/add/").status_code == 403
    assert client.post(f"/admin/jobs/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(f"/admin/jobs/{model}/{pk}/change/", {"status": "succeeded", "key": "org_other"})
    run.refresh_from_db()
    assert (run.status, JobItem.objects.get().key) == ("partial", "org_failed0")


def test_a_rerun_where_money_moves_wants_a_preview_first() -> None:
    client, run = log_in("Finance"), make_failed_run()
    assert 'value="rerun"' not in client.get(_rerun(run)).content.decode()
    shown = _post(client, _rerun(run), action="rerun", reason="The plan was repaired")
    assert "Look at a preview of the difference first." in shown
    assert JobRun.objects.count() == 1


def test_the_preview_is_a_dry_run_of_the_same_selection() -> None:
    client, run = log_in("Finance"), make_failed_run()
    assert _post(client, _rerun(run), action="preview") == _rerun(run)
    preview = JobRun.objects.get(parent=run)
    assert (preview.dry_run, preview.mode, preview.params["month"]) == (True, "failed", "2026-10")
    assert (preview.trigger, preview.actor is None) == ("admin", False)
    assert [entry.label for entry in AuditEntry.objects.filter(object_type="jobs.jobrun")] == ["Preview rerun"]


def test_a_rerun_wants_a_reason_and_keeps_it() -> None:
    client, run = log_in("Finance"), make_failed_run()
    _preview(run)
    assert "Say why: the reason is kept with the run." in _post(client, _rerun(run), action="rerun", reason="  ")
    assert JobRun.objects.count() == 2
    location = _post(client, _rerun(run), action="rerun", reason="The plan was repaired")
    again = JobRun.objects.get(parent=run, dry_run=False)
    assert location == reverse("admin:jobs_jobrun_change", args=[again.pk])
    assert (again.reason, again.mode, again.trigger) == ("The plan was repaired", "failed", "admin")


def test_a_preview_still_under_way_does_not_count_and_one_from_before_a_rerun_neither() -> None:
    client, run = log_in("Finance"), make_failed_run()
    make_run(parent=run, mode="failed", dry_run=True, status="running")
    assert "preview of the difference first" in _post(client, _rerun(run), action="rerun", reason="x")
    JobRun.objects.filter(parent=run).update(status="succeeded")
    make_run(parent=run, mode="failed", status="failed")
    assert "preview of the difference first" in _post(client, _rerun(run), action="rerun", reason="x")
    assert JobRun.objects.count() == 3


def test_a_second_click_reruns_nothing_more() -> None:
    client, run = log_in("Operations"), make_run("hourly-usage", expected=1, failed=1)
    mark = _mark(client, _rerun(run))
    first, second = (client.post(_rerun(run), {"mark": mark, "action": "rerun"})["Location"] for _ in range(2))
    assert first == second
    assert JobRun.objects.filter(parent=run).count() == 1


def test_a_rerun_of_a_run_under_way_is_refused_with_a_message() -> None:
    client, run = log_in("Finance"), make_run(status="running")
    response = client.get(_rerun(run), follow=True)
    assert f"{run} is still under way" in response.content.decode()
    assert client.post(_rerun(run), {"mark": "0" * 32, "reason": "x", "action": "rerun"}).status_code == 302
    assert JobRun.objects.count() == 1


def test_what_the_job_itself_refuses_becomes_a_message() -> None:
    client, run = log_in("Finance"), make_failed_run(params={"month": "2999-01", "organizations": ["org_gone"]})
    shown = _post(client, _rerun(run), action="preview")
    assert "2999-01 has not ended yet" in shown
    assert "There is no organization org_gone" in shown
    assert JobRun.objects.count() == 1


def test_a_preview_is_not_rerun_but_started_for_real() -> None:
    client, parent = log_in("Finance"), make_failed_run()
    preview = _preview(parent)
    assert f'href="{_rerun(parent)}?preview={preview.pk}"' in _page(client, preview)
    assert "is a preview" in client.get(_rerun(preview, "all"), follow=True).content.decode()
    assert JobRun.objects.count() == 2


@pytest.mark.parametrize("mode", ["some", "normal"])
def test_an_unknown_way_of_rerunning_is_not_found(mode: str) -> None:
    assert log_in("Finance").get(_rerun(make_failed_run(), mode)).status_code == 404


def test_cancelling_wants_a_reason_where_money_moves() -> None:
    client, run = log_in("Finance"), make_run(status="running", expected=2)
    address = reverse("admin:jobs_jobrun_cancel", args=[run.pk])
    assert "Say why" in _post(client, address, action="cancel")
    run.refresh_from_db()
    assert run.cancel_requested_at is None
    _post(client, address, action="cancel", reason="The wrong month")
    run.refresh_from_db()
    assert (run.status, run.error) == ("cancelled", "Cancelled: The wrong month")
    assert run.cancelled_by is not None


def test_cancelling_what_has_ended_changes_nothing() -> None:
    client, run = log_in("Finance"), make_failed_run()
    response = client.get(reverse("admin:jobs_jobrun_cancel", args=[run.pk]), follow=True)
    assert "has ended already" in response.content.decode()
    run.refresh_from_db()
    assert (run.status, run.cancel_requested_at) == ("partial", None)


def test_a_run_of_a_job_that_is_no_longer_declared_is_shown_and_left_alone() -> None:
    client, run = log_in(superuser=True), make_run("retired-job", params={"odd": [1, 2]}, error="It never worked.")
    content = _page(client, run)
    assert "It never worked." in content
    assert "no longer declared" in content
    assert _buttons(client, run) == set()
    assert client.get(_rerun(run)).status_code == 403


def test_only_what_is_left_is_offered_again() -> None:
    client, run = log_in("Finance"), make_failed_run(failed=2, done=1)
    first, second = run.items.filter(status="failed").order_by("key").values_list("key", flat=True)
    later = make_run(parent=run, mode="failed", status="partial", expected=2, done=1, failed=1)
    make_item(later, first, "done")
    failed = make_item(later, second, "failed")
    page = _page(client, run)
    assert "Rerun failed: 1 left" in page and "1 of 2 left: the others went well in later runs." in page
    asked = client.get(_rerun(run, "failed")).content.decode()
    assert "1 item that failed will be worked on again. 1 item went well in later runs." in asked
    failed.status = "done"
    failed.save(update_fields=["status"])
    page = _page(client, run)
    assert "Rerun failed" not in page and "None left: what failed went well in later runs." in page
    assert client.get(_rerun(run, "failed")).status_code == 302
    assert "Nothing of" in _page(client, run)
