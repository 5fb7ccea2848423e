"""A mail server that sends a byte now and then, on each way by which mail leaves: alerts, invoices, a run's summary.

No other mail is sent: a forgotten password is reset by another member of staff.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.urls import NoReverseMatch, reverse
from pytest_django import Settings

from alerts.models import Notification
from alerts.services import tick
from alerts.services.sending import send_waiting
from billing.models import InvoiceDelivery
from billing.services.books import stop_deliveries
from common import smtp
from jobs.models import JobRun
from tests.billing.street import Street
from tests.factories.alerts import make_channel, make_rule
from tests.factories.billing import AUGUST
from tests.factories.runs import bill, finish
from tests.outside import Outside, outside, wired
from tests.slow import Script, answering, drip, taking

__all__ = ["outside", "wired"]
pytestmark = pytest.mark.django_db(transaction=True)
# What the server has said by then: nothing; or yes to everything but the message itself.
GREETING, MESSAGE = b"", b"220 mail\r\n250 fine\r\n250 fine\r\n250 fine\r\n354 go on\r\n"
STAGES = pytest.mark.parametrize("said", [GREETING, MESSAGE], ids=["greeting", "message"])


@pytest.fixture(autouse=True)
def _a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "DEADLINE_SECONDS", 1.0)
    monkeypatch.setattr(smtp, "_GOODBYE_SECONDS", 0.5)


def dripping(said: bytes) -> Callable[[], Script]:
    return drip(b"250-not yet\r\n" if said else b"220-not yet\r\n", said)


def use(settings: Settings, port: int) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port


@STAGES
def test_an_alert(settings: Settings, said: bytes) -> None:
    make_rule(make_channel(), kinds=["books-differ"])
    stop_deliveries("Stripe has an invoice that our books lack.", who="Test")
    tick()
    with answering(dripping(said), reads_first=False) as server:
        use(settings, server.port)
        with taking(0.9, 5):
            assert send_waiting(2) == 1
    row = Notification.objects.get()
    assert (row.status, row.attempts) == ("waiting", 1)
    assert [entry["outcome"] for entry in row.history] == ["unknown" if said else "retryable"]


@STAGES
def test_an_invoice(wired: Outside, settings: Settings, said: bytes) -> None:
    street = Street(wired)
    with answering(dripping(said), reads_first=False) as server:
        use(settings, server.port)
        # Three attempts, a second each; three organizations side by side.
        with taking(2.9, 30):
            run = street.bill()
    assert (run.status, run.done, run.failed) == ("failed", 0, 3)
    mails = InvoiceDelivery.objects.filter(step="email")
    assert [mail.status for mail in mails] == ["unknown" if said else "failed"] * 3
    done = InvoiceDelivery.objects.exclude(step="email").values_list("status", flat=True)
    assert (len(done), set(done)) == (9, {"done"})


@STAGES
def test_the_summary_of_a_run(wired: Outside, settings: Settings, said: bytes) -> None:
    settings.NOTIFY_ON_COMPLETION, settings.NOTIFY_EMAIL = True, ("finance@example.test",)
    Street(wired)
    bill(AUGUST)
    with answering(dripping(said), reads_first=False) as server:
        use(settings, server.port)
        with taking(2.9, 15):
            summary = finish(JobRun.objects.get(job="billing-summary"))
    assert (summary.status, summary.failed) == ("failed", 1)


def test_no_mail_leaves_by_another_way() -> None:
    """Django's own way has a time-out for each byte, and no deadline for all of them."""
    base = Path(django_settings.BASE_DIR)
    apps = ("accounts", "alerts", "analytics", "billing", "common", "huntaze", "jobs", "onlyfans", "workqueue")
    texts = {str(file.relative_to(base)): file.read_text() for app in apps for file in (base / app).rglob("*.py")}
    own_way = re.compile(
        r"\bsend_mail\(|\bmail_admins\(|AdminEmailHandler|\bemail_user\(|smtplib\.SMTP\(|message\.send\("
    )
    assert [name for name, text in texts.items() if own_way.search(text)] == []
    for name in ("password_reset", "admin_password_reset", "admin:password_reset"):
        with pytest.raises(NoReverseMatch):
            reverse(name)
