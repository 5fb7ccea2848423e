"""Imports and what they refused, in the admin."""

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from huntaze.models import ImportReject, ImportSegment, TableImport
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
POSITION = {"id": {"S": "u-41"}}


@pytest.fixture
def made() -> TableImport:
    made = TableImport.objects.create(name="huntaze-users", table="users", segments=2, estimate=1_234)
    counts = {"read": 40, "created": 30, "updated": 5, "unchanged": 3, "rejected": 2}
    ImportSegment.objects.create(table_import=made, number=0, position=POSITION, **counts)
    ImportSegment.objects.create(table_import=made, number=1, is_done=True, read=2, created=2)
    for place in range(12):
        ImportReject.objects.create(
            table_import=made, key_digest=str(place), key=f"u-{place}", reasons={"email": f"Bad <b>{place}</b>."}
        )
    return made


def test_the_list_sums_a_table_s_segments_up(made: TableImport) -> None:
    page = log_in("Read only").get(reverse("admin:huntaze_tableimport_changelist")).content.decode()
    for text in ("huntaze-users", "Under way", ">42<", ">32<", "1 of 2 through"):
        assert text in page


def test_the_page_tells_where_each_segment_stands_and_what_was_refused(made: TableImport) -> None:
    page = log_in("Support").get(reverse("admin:huntaze_tableimport_change", args=[made.pk])).content.decode()
    for text in ("After u-41", "At the end", "42 read, 32 created", "Bad &lt;b&gt;11&lt;/b&gt;.", "goes on where it"):
        assert text in page
    assert "The last ten are shown" in page and "Bad &lt;b&gt;1&lt;/b&gt;." not in page


def test_refused_records_are_listed_searched_and_exported(made: TableImport) -> None:
    client = log_in("Operations")
    address = reverse("admin:huntaze_importreject_changelist")
    assert "u-11" in client.get(address).content.decode()
    found = client.get(address + "?q=u-7").content.decode()
    assert ("email: Bad &lt;b&gt;7" in found, "u-11" in found) == (True, False)
    answer = client.get(reverse("admin:huntaze_tableimport_rejects", args=[made.pk]))
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]  # it streams
    assert (len(lines), lines[0]) == (13, "table,key,attribute,reason,refused_at")
    assert lines[1].startswith("huntaze-users,u-0,email,Bad <b>0</b>.,20")
    entry = AuditEntry.objects.get(verb="export", object_name="huntaze-users")
    assert entry.after == {"file": "CSV", "rows": len(lines) - 1}


def test_only_operations_may_start_one() -> None:
    start = reverse("admin:jobs_jobrun_start_job", args=["import-dynamodb"])
    assert log_in("Operations").get(start).status_code == 200
    for group in ("Finance", "Support", "Read only"):
        assert log_in(group).get(start).status_code == 403


def test_nobody_changes_what_was_brought_in(made: TableImport) -> None:
    client = log_in(superuser=True)
    for name, pk in (("tableimport", made.pk), ("importreject", made.rejects.first().pk)):  # type: ignore[union-attr]  # made above
        assert client.post(reverse(f"admin:huntaze_{name}_change", args=[pk]), {"name": "x"}).status_code == 403
        assert client.post(reverse(f"admin:huntaze_{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403
