"""Every address that changes something, how to press what stands there, and what the audit trail must tell of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from billing.models import Meter
from tests.audit import scene
from tests.factories.alerts import make_channel
from tests.factories.billing import make_organization, make_plan
from tests.factories.invoices import make_held, make_invoice
from tests.factories.log_ins import give_phone
from tests.factories.staff import PASSWORD, make_staff

RENAMED = {"name": "After"}
REASON = {"reason": "Because"}
NEW_PASSWORD = "a completely different battery"


@dataclass(frozen=True)
class Press:
    """A form at an address: whose thing it is about, what is changed in it, and what must be told of it."""

    door: str
    tells: tuple[str, ...]
    make: Callable[[], Any] | None = None
    changes: dict[str, Any] | Callable[[Any], dict[str, Any]] = field(default_factory=dict)
    more: tuple[Any, ...] = ()
    reads: str = ""

    def prepare(self) -> tuple[str, dict[str, Any]]:
        """Make what it is about; return the address and what is to be changed in its form."""
        thing = self.make() if self.make else None
        address = reverse(f"admin:{self.door}", args=[*([] if thing is None else [thing.pk]), *self.more])
        changes = self.changes(thing) if callable(self.changes) else self.changes
        return address + self.reads, changes


def _edits(model: str, make: Callable[[], Any], **changes: Any) -> Press:
    label = model.replace("_", ".") if model.count("_") == 1 else "django_celery_beat." + model.rpartition("_")[2]
    return Press(f"{model}_change", (f"change {label}",), make, changes)


def _adds(model: str, values: Callable[[], dict[str, Any]]) -> Press:
    return Press(f"{model}_add", (f"add {model.replace('_', '.')}",), None, lambda _: values())


def _creator_values() -> dict[str, Any]:
    organization = make_organization()
    return {"organization": organization.pk, "display_name": "Ada", "onlyfans_user_id": "ada", "new_token": "secret"}


def _earnings_values() -> dict[str, Any]:
    creator = scene.creator()
    return {"creator": creator.pk, "month": "2026-08", "category": "tips", "gross_cents": "5", "net_cents": "4"}


def _account_values() -> dict[str, Any]:
    organization = make_organization()
    organization.billing_account.delete()
    return {"organization": organization.pk, "plan": make_plan().pk}


def _password_values(_: Any = None) -> dict[str, Any]:
    return {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}


def _user_values() -> dict[str, Any]:
    return {"email": "new@example.test", "name": "Nora", **_password_values()}


def _ticked(make: Callable[[], Any], action: str) -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"action": action, "_selected_action": [make().pk]}


def _with_phone() -> Any:
    user = make_staff("Finance")
    give_phone(user)
    return user


def _doubtful(outcome: str) -> Press:
    tells = ("settle billing.invoice",) if outcome == "sent" else ("settle billing.invoice", "start jobs.jobrun")
    mails = scene.doubtful_email

    @dataclass(frozen=True)
    class _Settle(Press):
        def prepare(self) -> tuple[str, dict[str, Any]]:
            mail = mails()
            return reverse(f"admin:{self.door}", args=[mail.invoice_id, mail.pk, outcome]), dict(REASON)

    return _Settle("billing_invoice_settle", tells)


def _dismissal(model: str, verb: str, make: Callable[[], Any]) -> Press:
    """The answer to what an action asks for first; where the list shows what was dismissed as well."""

    @dataclass(frozen=True)
    class _InFullList(Press):
        def prepare(self) -> tuple[str, dict[str, Any]]:
            address, changes = super().prepare()
            return address + ("?state=all" if model == "onlyfans_unmatchedaggregate" else ""), changes

    ticked = _ticked(make, f"{verb}_selected")
    return _InFullList(
        f"{model}_changelist", (f"{verb} {model.replace('_', '.')}",), None, lambda _: {**ticked(None), **REASON}
    )


EDITS = (
    _edits("accounts_organization", make_organization, **RENAMED),
    _edits("accounts_user", make_staff, **RENAMED),
    _edits("auth_group", scene.group, **RENAMED),
    _edits("alerts_channel", make_channel, **RENAMED),
    _edits("alerts_rule", scene.rule, **RENAMED),
    _edits("jobs_jobmonitor", scene.monitor, grace_seconds="4321"),
    _edits("django_celery_beat_periodictask", scene.task, action="save", note="After"),
    _edits("onlyfans_creatoraccount", scene.creator, display_name="After"),
    _edits("onlyfans_earningsaggregate", scene.earnings, gross_cents="4321"),
    _edits("billing_billingaccount", scene.account, tax_id="IE1234567T"),
    _edits("billing_plan", make_plan, **RENAMED),
    _edits("billing_meter", lambda: Meter.objects.create(code="before", unit_name="unit"), unit_name="After"),
)
ADDS = (
    _adds("accounts_organization", lambda: {"name": "New", "status": "active", "currency": "USD"}),
    _adds("accounts_user", _user_values),
    _adds("auth_group", lambda: {"name": "New"}),
    _adds("alerts_channel", lambda: {"name": "New", "kind": "email", "address": "ops@example.test"}),
    _adds("alerts_rule", lambda: {"name": "New", "channels": [make_channel().pk]}),
    _adds("onlyfans_creatoraccount", _creator_values),
    _adds("onlyfans_earningsaggregate", _earnings_values),
    _adds("billing_billingaccount", _account_values),
    _adds("billing_plan", lambda: {"name": "New", "code": "new"}),
    _adds("billing_meter", lambda: {"code": "new", "unit_name": "unit"}),
)
DELETES = (
    Press("auth_group_delete", ("delete auth.group",), scene.group, {"post": "yes"}),
    Press("alerts_rule_delete", ("delete alerts.rule",), scene.rule, {"post": "yes"}),
)
TICKED = (
    Press("accounts_lockout_changelist", ("unlock accounts.lockout",), None, _ticked(scene.lock, "unlock")),
    Press("billing_stripeevent_changelist", ("start jobs.jobrun",), None, _ticked(scene.event, "process_selected")),
    Press(
        "onlyfans_resultfile_changelist",
        ("retry onlyfans.resultfile",),
        None,
        _ticked(scene.rejected_result, "retry_selected"),
    ),
    _dismissal("onlyfans_resultfile", "dismiss", scene.rejected_result),
    _dismissal("onlyfans_resultfile", "restore", scene.dismissed_result),
    _dismissal("onlyfans_unmatchedaggregate", "dismiss", scene.unmatched),
    _dismissal("onlyfans_unmatchedaggregate", "restore", scene.dismissed),
    _dismissal("billing_stripeevent", "dismiss", scene.event),
    _dismissal("billing_stripeevent", "restore", scene.dismissed_event),
    _dismissal("alerts_notification", "dismiss", scene.sent_message),
    _dismissal("alerts_notification", "restore", scene.dismissed_message),
    Press(
        "auth_group_changelist",
        ("delete auth.group",),
        None,
        lambda _: {**_ticked(scene.group, "delete_selected")(None), "post": "yes"},
    ),
    Press(
        "alerts_rule_changelist",
        ("delete alerts.rule",),
        None,
        lambda _: {**_ticked(scene.rule, "delete_selected")(None), "post": "yes"},
    ),
)
PEOPLE = (
    Press("accounts_user_reset", ("reset-second-step accounts.user",), _with_phone, REASON),
    Press("accounts_user_log_out", ("log-out-everywhere accounts.user",), make_staff, REASON),
    Press("auth_user_password_change", ("change accounts.user",), make_staff, _password_values),
    Press(
        "password_change",
        ("change-password accounts.user",),
        None,
        {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    ),
    Press("logout", ("log-out accounts.user",)),
)
ALERTS = (
    Press("alerts_channel_test", ("test alerts.channel",), make_channel),
    Press("alerts_incident_acknowledge", ("acknowledge alerts.incident",), scene.incident, {"note": "Mine"}),
    Press("alerts_incident_end_snooze", ("end-snooze alerts.incident",), scene.snoozed_incident),
    Press("alerts_incident_snooze", ("snooze alerts.incident",), scene.incident, {"hours": "4"}),
    Press("alerts_incident_resolve", ("resolve alerts.incident",), scene.incident, {"note": "Done"}),
    Press("alerts_incident_note", ("note alerts.incident",), scene.incident, {"note": "Look"}),
    Press("alerts_notification_resend", ("resend alerts.notification",), scene.sent_message),
)
CREATORS = (
    Press("onlyfans_creatoraccount_test", ("test onlyfans.creatoraccount",), scene.creator),
    Press("onlyfans_resultfile_retry", ("retry onlyfans.resultfile",), scene.rejected_result, REASON),
    Press("onlyfans_resultfile_dismiss", ("dismiss onlyfans.resultfile",), scene.rejected_result, REASON),
    Press("onlyfans_resultfile_restore", ("restore onlyfans.resultfile",), scene.dismissed_result, REASON),
    Press("onlyfans_unmatchedaggregate_dismiss", ("dismiss onlyfans.unmatchedaggregate",), scene.unmatched, REASON),
    Press("onlyfans_unmatchedaggregate_restore", ("restore onlyfans.unmatchedaggregate",), scene.dismissed, REASON),
)
JOBS = (
    Press("jobs_jobmonitor_pause", ("pause jobs.jobmonitor",), scene.monitor, REASON),
    Press("jobs_jobmonitor_resume", ("resume jobs.jobmonitor",), scene.paused_monitor),
    Press("jobs_jobrun_start_job", ("start jobs.jobrun",), None, {"action": "start"}, ("hourly-usage",)),
    Press("jobs_jobrun_rerun", ("rerun jobs.jobrun",), scene.failed_run, {"action": "rerun"}, ("failed",)),
    Press("jobs_jobrun_cancel", ("cancel jobs.jobrun",), scene.active_run, {"action": "cancel"}),
    Press("django_celery_beat_periodictask_run", ("start jobs.jobrun",), scene.task, REASON),
    Press("django_celery_beat_periodictask_pause", ("pause django_celery_beat.periodictask",), scene.task, REASON),
    Press("django_celery_beat_periodictask_resume", ("resume django_celery_beat.periodictask",), scene.paused_task),
)
_STARTED = "start jobs.jobrun"
BILLING = (
    Press("billing_billingaccount_park", ("park billing.billingaccount",), scene.account, REASON),
    Press("billing_billingaccount_unpark", ("unpark billing.billingaccount",), scene.parked_account, REASON),
    Press("billing_stripeevent_again", (_STARTED,), scene.event, REASON),
    Press("alerts_notification_dismiss", ("dismiss alerts.notification",), scene.sent_message, REASON),
    Press("alerts_notification_restore", ("restore alerts.notification",), scene.dismissed_message, REASON),
    Press("billing_stripeevent_dismiss", ("dismiss billing.stripeevent",), scene.event, REASON),
    Press("billing_stripeevent_restore", ("restore billing.stripeevent",), scene.dismissed_event, REASON),
    Press("billing_invoice_preview", ("preview jobs.jobrun",), None, {"month": "2026-08"}),
    Press("billing_invoice_run", (_STARTED,), None, {"month": "2026-08", **REASON}),
    Press("billing_invoice_pdf", ("download billing.invoice",), scene.stored_invoice, reads="?download"),
    Press("billing_invoice_approve", ("approve billing.invoice", _STARTED), make_held, REASON),
    Press("billing_invoice_reject", ("reject billing.invoice",), make_held, REASON),
    Press("billing_invoice_void", ("void billing.invoice",), make_invoice, REASON),
    Press("billing_invoice_credit", ("credit billing.invoice", _STARTED), make_invoice, {"scope": "all", **REASON}),
    Press("billing_invoice_retry", (_STARTED,), make_invoice),
    Press("billing_invoice_payment", ("payment billing.invoice",), make_invoice, {"amount": "1.00"}),
    Press("billing_invoice_refund", ("refund billing.invoice",), scene.overpaid_invoice, {"amount": "1.00"}),
    Press("billing_payment_reverse", ("reverse billing.invoice",), scene.recorded_payment, REASON),
    Press("billing_invoice_resume", ("resume billing.books",), scene.stopped_deliveries, REASON),
    Press("billing_invoice_resend", ("resend billing.invoice", _STARTED), scene.mailed_invoice, REASON),
    _doubtful("sent"),
    _doubtful("again"),
)
IMPORTS = (Press("huntaze_tableimport_rejects", ("export huntaze.tableimport",), scene.table_import, reads="?export"),)
DASHBOARDS = (
    Press("dashboard_export", ("export ",), None, more=("earnings-by-month", "csv"), reads="?range=90d"),
    Press("dashboard_export", ("export ",), None, more=("fans-by-day", "xlsx"), reads="?range=7d"),
)
# What comes before anybody is in is pressed by tests of its own.
ENTERING = ("login", "login_code", "login_recovery", "login_set_up", "second_step")
# What only shows; POST to them changes nothing.
SHOWING = (
    *("index", "search", "password_change_done", "view_on_site", "app_list", "autocomplete", "jsi18n", ""),
    *("jobs_jobrun_start", "jobs_jobrun_progress", "dashboard"),
)
API = (
    *("analytics-events", "analytics-snapshots"),
    *("auth-token", "auth-refresh", "auth-logout", "billing-commission", "cron", "cron-run"),
    *("eventbridge-stripe", "webhooks-stripe", "ingest-aggregates", "ingest-results", "ingest-schema"),
    *("api-schema", "api-docs", ""),
)


def list_presses() -> Iterator[Press]:
    """All of them."""
    for group in (EDITS, ADDS, DELETES, TICKED, PEOPLE, ALERTS, CREATORS, JOBS, BILLING, IMPORTS, DASHBOARDS):
        yield from group
