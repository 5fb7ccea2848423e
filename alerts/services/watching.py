"""The tick: opens an incident for what is found, resolves it when it no longer is, and reminds."""

import datetime as dt
import logging
from collections.abc import Callable, Iterable

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q

from alerts.models import Incident, Notification
from alerts.registry import BROKEN_CHECK, Condition, Finding, Severity, find_condition, list_conditions
from alerts.services.planning import Plan
from alerts.services.sending import ring_if_waiting
from common.clock import now

logger = logging.getLogger(__name__)
_LONGEST_SETTLING = dt.timedelta(hours=1)
# What came back so long before it was gone no longer counts; twelve times are more than make an hour.
_MEMORY, _MOST_TIMES = dt.timedelta(hours=6), 12
# Longer texts are cut: a finding is read in a message, not in a book.
_LONGEST = {"title": 300, "link": 500}


def tick(moment: dt.datetime | None = None) -> None:
    """Look at every condition once, see that everybody hears what they should by now, and ring for messages that wait.

    Safe when several run at once: one looks at a condition at a time, the others leave it alone.
    """
    moment = moment or now()
    broken: dict[str, Finding] = {}
    looked_at: set[str] = set()
    for condition in list_conditions():
        try:
            if _look(condition, moment):
                looked_at.add(condition.name)
        except Exception as error:
            logger.exception("The condition %s could not be checked", condition.name)
            broken[condition.name] = _describe_broken(condition, error)
    _report_broken(broken, looked_at, moment)
    _resolve_undeclared(moment)
    _follow(moment)
    _bring_ends(moment)
    ring_if_waiting()


@transaction.atomic
def _look(condition: Condition, moment: dt.datetime) -> bool:
    """Bring the incidents of a condition to what is found now; False where another tick is at it."""
    if not _take_turn(condition.name):
        return False
    _settle(condition.name, condition.severity, list(condition.check()), lambda scope: True, moment)
    return True


def _take_turn(name: str) -> bool:
    """Take the condition for this transaction, so that nobody acts on what was found longer ago than by another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('alerts'), hashtext(%s))", [name])
        return bool(cursor.fetchone()[0])


def _describe_broken(condition: Condition, error: Exception) -> Finding:
    return Finding(
        scope=condition.name,
        title=f"“{condition.title}” can't be checked",
        detail=f"The check failed with {type(error).__name__}. Until it works again, its incidents stay as they are.",
        advice="Ask an engineer to read the worker's log: it has the whole error.",
    )


@transaction.atomic
def _report_broken(broken: dict[str, Finding], looked_at: set[str], moment: dt.datetime) -> None:
    if broken or looked_at:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('alerts'), hashtext(%s))", [BROKEN_CHECK])

        def may_end(scope: str) -> bool:
            return scope in looked_at or find_condition(scope) is None

        _settle(BROKEN_CHECK, "error", broken.values(), may_end, moment)


def _settle(
    name: str, severity: Severity, findings: Iterable[Finding], may_end: Callable[[str], bool], moment: dt.datetime
) -> None:
    """Make the incidents of a condition agree with what is found; those of other scopes end where they may."""
    found = {finding.scope[:200]: finding for finding in findings}
    known = {
        incident.scope: incident
        for incident in Incident.objects.select_for_update()
        .filter(Q(resolved_at=None) | Q(is_found=True), condition=name)
        .order_by("id")
    }
    if not found and not known:
        return
    plan = Plan(known.values(), moment)
    for scope, finding in found.items():
        incident = known.get(scope)
        if incident is not None and incident.is_open:
            _go_on(incident, finding, severity, plan)
        elif incident is None or _has_grown(incident, finding, moment):
            _open(Incident(condition=name, scope=scope, severity=severity, opened_at=moment), finding, plan)
    for scope, incident in known.items():
        if scope not in found and may_end(scope):
            _fade(incident, plan)
    plan.write()


def _take_over(incident: Incident, finding: Finding) -> list[str]:
    """Copy what a finding says; return the fields that changed."""
    values = {
        "title": finding.title[: _LONGEST["title"]],
        "detail": finding.detail,
        "advice": finding.advice,
        "link": finding.link[: _LONGEST["link"]],
        "permission": finding.permission,
        "since_at": finding.since,
        "count": max(finding.count, 0),
    }
    changed = [name for name, value in values.items() if getattr(incident, name) != value]
    for name in changed:
        setattr(incident, name, values[name])
    return changed


def _open(incident: Incident, finding: Finding, plan: Plan) -> None:
    _take_over(incident, finding)
    same = Incident.objects.filter(condition=incident.condition, scope=incident.scope)
    if former := same.filter(resolved_at__gt=plan.moment - _MEMORY).order_by("-id").first():
        _come_back(incident, former, plan.moment)
    try:
        with transaction.atomic():
            incident.save(force_insert=True)
    except IntegrityError:
        # Somebody else opened it: the next tick goes on from there.
        return
    plan.tell_opened(incident)


def _has_grown(incident: Incident, finding: Finding, moment: dt.datetime) -> bool:
    """Return whether there is more of what was resolved by hand than there was; the former incident ends with that.

    What shrinks is noted, so that the least that there was counts.
    """
    before, incident.count = incident.count, max(finding.count, 0)
    if incident.count > before:
        incident.count, incident.is_found, incident.cleared_at = before, False, moment
    if (incident.count, incident.is_found) != (before, True):
        incident.save(update_fields=["count", "is_found", "cleared_at"])
    return not incident.is_found


def _go_on(incident: Incident, finding: Finding, severity: Severity, plan: Plan) -> None:
    changed = _take_over(incident, finding)
    if incident.severity != severity:
        incident.severity = severity
        changed.append("severity")
    if incident.cleared_at is not None or not incident.is_found:
        incident.cleared_at, incident.is_found = None, True
        incident.returns += 1
        _come_back(incident, incident, plan.moment)
        changed += ["cleared_at", "is_found", "returns", "came_back_at"]
    if changed:
        incident.save(update_fields=changed)
    plan.tell_opened(incident)


def _fade(incident: Incident, plan: Plan) -> None:
    """Note that something is no longer found; resolve it once that has lasted."""
    before = incident.is_found, incident.cleared_at
    incident.is_found, incident.cleared_at = False, incident.cleared_at or plan.moment
    if incident.is_open and plan.moment - incident.cleared_at >= _settling_time(incident):
        incident.resolved_at = plan.moment
        plan.tell_recovered(incident)
    if incident.resolved_at == plan.moment or before != (False, incident.cleared_at):
        incident.save(update_fields=["is_found", "cleared_at", "resolved_at"])


def _settling_time(incident: Incident) -> dt.timedelta:
    """How long something must stay away: twice as long for each time it had come back of late, an hour at most."""
    base = dt.timedelta(seconds=settings.ALERTS_SETTLE_SECONDS)
    since = (incident.cleared_at or incident.opened_at) - _MEMORY
    times = sum(moment > since for moment in incident.came_back_at)
    return min(base * (1 << times), _LONGEST_SETTLING)


def _come_back(incident: Incident, former: Incident, moment: dt.datetime) -> None:
    """Note that something is here again, after what is remembered of the former times."""
    incident.came_back_at = [*former.came_back_at, moment][-_MOST_TIMES:]


def _resolve_undeclared(moment: dt.datetime) -> None:
    """End the incidents of conditions that the code no longer declares."""
    names = [condition.name for condition in list_conditions()]
    left = Incident.objects.exclude(condition__in=[*names, BROKEN_CHECK]).filter(Q(resolved_at=None) | Q(is_found=True))
    for name in left.order_by().values_list("condition", flat=True).distinct():
        with transaction.atomic():
            if _take_turn(name):
                _settle(name, "error", (), lambda scope: True, moment)


def _follow(moment: dt.datetime) -> None:
    """Bring what waits of open incidents in line with rules and channels, and write the reminders that are due."""
    with transaction.atomic():
        found = Incident.objects.select_for_update(skip_locked=True).filter(resolved_at=None).order_by("id")
        incidents = list(found)
        plan = Plan(incidents, moment)
        for incident in incidents:
            plan.revise(incident)
            plan.remind(incident)
        plan.write()


def _bring_ends(moment: dt.datetime) -> None:
    """Tell of the ends that some channels are still to hear of: they were switched off, or the message waits."""
    owing = Notification.objects.filter(incident=OuterRef("pk"), owes_end=True, channel__is_enabled=True)
    with transaction.atomic():
        found = Incident.objects.select_for_update(skip_locked=True).filter(Exists(owing), resolved_at__isnull=False)
        incidents = list(found.order_by("id"))
        plan = Plan(incidents, moment)
        for incident in incidents:
            plan.tell_recovered(incident)
        plan.write()
