"""The demo's receiver of webhooks hears how runs end, signed, and says so to people."""

import httpx
import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from alerts.models import Channel, Notification, Rule
from alerts.services.sending import send_waiting
from jobs.services import stop_run
from scripts.demo.__main__ import HOOK, HOOK_SECRET
from scripts.demo.payments import trust_webhooks
from tests.commandline import Manage, manage
from tests.factories.billing import make_organization
from tests.factories.ledger import make_run
from tests.outside import Outside, outside

__all__ = ["manage", "outside"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_ended_run_arrives_signed_and_is_shown(outside: Outside, manage: Manage, settings: Settings) -> None:
    settings.ALERTS_ALLOW_PRIVATE_ADDRESSES, settings.ALERTS_EMAIL = True, "ops@example.test"
    settings.EMAIL_HOST, settings.EMAIL_PORT = outside.sandbox.smtp_host, outside.sandbox.smtp_port
    make_organization()
    url = outside.sandbox.http_url
    trust_webhooks(url, HOOK, HOOK_SECRET)
    for name in ("before", HOOK):
        answer = manage("load_demo", "--webhooks", f"{url}/hooks/{name}", "--webhook-secret", HOOK_SECRET)
        assert (answer.status, HOOK_SECRET in answer.out) == (0, False), answer.err
    assert list(Channel.objects.values_list("kind", flat=True)) == ["email", "webhook"]
    assert list(Rule.objects.order_by("name").values_list("name", flat=True)) == ["Ended runs", "Everything"]

    run = make_run("hourly-usage", "running", expected=5, done=2)
    stop_run(run.pk, "The gateway is gone.")
    assert send_waiting(seconds=20) == 1

    (kept,) = httpx.get(f"{url}/control/hooks").json()["hooks"]
    assert (kept["name"], kept["verdict"], kept["body"]["type"]) == (HOOK, "fits", "job.completed")
    assert kept["id"] == Notification.objects.get(channel__kind="webhook").reference
    shown = httpx.get(f"{url}/hooks/").text
    assert "Hourly usage: failed" in shown and "fits" in shown
    assert django_settings.BASE_URL in httpx.get(f"{url}/hooks/{kept['number']}").text
