"""Who may do what with runs: asked by each button and again by the address behind it."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User
from jobs.models import JobRun
from jobs.registry import Job, list_jobs

VIEW = "jobs.view_jobrun"


def actor(request: HttpRequest) -> User:
    """Return the member of staff who asks."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def may_view(request: HttpRequest) -> bool:
    """Return whether somebody may see runs."""
    return request.user.has_perm(VIEW)


def may_run(request: HttpRequest, job: type[Job] | None) -> bool:
    """Return whether somebody may start, rerun and cancel a job; nobody may where the code declares it no more."""
    return job is not None and may_view(request) and request.user.has_perm(job.permission)


def may_start_anything(request: HttpRequest) -> bool:
    """Return whether there is any job that somebody may start."""
    return any(may_run(request, job) for job in list_jobs())


def require_view(request: HttpRequest) -> None:
    """Refuse whoever may not see runs."""
    if not may_view(request):
        raise PermissionDenied


def require_run(request: HttpRequest, run: JobRun) -> type[Job]:
    """Return the job of a run that somebody may rerun or cancel; refuse everybody else."""
    job = run.declaration
    if job is None or not may_run(request, job):
        raise PermissionDenied
    return job
