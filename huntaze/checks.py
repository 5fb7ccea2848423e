"""System checks: what a production start must not do without."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from huntaze.settings import DEVELOPMENT_ENCRYPTION_KEY, DEVELOPMENT_SECRET_KEY

_SHORTEST_SECRET, _SHORTEST_SHARED = 50, 16
# Addresses to which keys or passwords are sent; BASE_URL is where people send theirs.
_SENT_KEYS = ("BASE_URL", "ONLYFANS_API_URL", "STRIPE_API_BASE")


def check_environment(app_configs: Any, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Refuse a production start without addresses or with keys that everybody knows."""
    if settings.DEBUG:
        return
    if not settings.DATABASE_URL:
        yield _error("E001", "DATABASE_URL is not set.", "Set it to postgres://user:password@host:5432/name.")
    if not settings.REDIS_URL:
        yield _error("E002", "REDIS_URL is not set.", "Set it to redis://host:6379/0 or rediss://….")
    if settings.SECRET_KEY == DEVELOPMENT_SECRET_KEY:
        yield _error("E003", "SECRET_KEY is not set.", "Set it to at least 50 random characters.")
    elif len(settings.SECRET_KEY) < _SHORTEST_SECRET:
        yield _error("E004", "SECRET_KEY is too short.", "Set it to at least 50 random characters.")
    if DEVELOPMENT_ENCRYPTION_KEY in settings.ENCRYPTION_KEYS:
        yield _error("E005", "ENCRYPTION_KEYS is not set.", "Make a key with `manage.py new_encryption_key`.")
    if not settings.ALLOWED_HOSTS:
        yield _error("E006", "ALLOWED_HOSTS is empty.", "Set it to the host names that serve the admin.")
    yield from _find_guessable()
    if not settings.TWO_FACTOR_REQUIRED:
        hint = "Leave REQUIRE_TWO_FACTOR empty: a stolen password is enough to move money otherwise."
        yield checks.Warning("Staff may log in with a password alone.", hint=hint, id="huntaze.W001")


def _find_guessable() -> Iterable[checks.CheckMessage]:
    """Refuse secrets that can be tried out; those of `CRON_SECRET`, `API_KEYS` and EventBridge stop any start."""
    hint = f"Give at least {_SHORTEST_SHARED} characters that nobody can guess."
    if any(len(secret) < _SHORTEST_SHARED for secret in settings.STRIPE_WEBHOOK_SECRET):
        stripe = "Copy it whole from Stripe's dashboard; it begins with whsec_."
        yield _error("E007", "STRIPE_WEBHOOK_SECRET is too short: anybody could forge Stripe's events.", stripe)
    if 0 < len(settings.METRICS_TOKEN) < _SHORTEST_SHARED:
        yield _error("E008", "METRICS_TOKEN is too short: anybody could read the figures.", hint)


def check_lines(app_configs: Any, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Warn of secrets that travel readable for everybody on the way."""
    if settings.DEBUG:
        return
    if settings.EMAIL_HOST_PASSWORD and not settings.EMAIL_USE_TLS and not _is_here(settings.EMAIL_HOST):
        hint = "Set INVOICE_SMTP_USE_TLS to true."
        yield checks.Warning("INVOICE_SMTP_PASSWORD is sent without TLS.", hint=hint, id="huntaze.W002")
    for name in _SENT_KEYS:
        parts = urlsplit(getattr(settings, name))
        if parts.scheme == "http" and not _is_here(parts.hostname or ""):
            hint = "Give an address that begins with https://."
            yield checks.Warning(f"{name} is called without TLS, with keys or passwords.", hint=hint, id="huntaze.W003")


def _is_here(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}


def check_billing(app_configs: Any, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Refuse a delivery that is switched on but not addressed."""
    if settings.INVOICE_ENABLE_S3 and not settings.INVOICE_S3_BUCKET:
        yield _error("E010", "INVOICE_ENABLE_S3 is on but INVOICE_S3_BUCKET is not set.", "Name the bucket.")
    if settings.INVOICE_ENABLE_STRIPE and not settings.STRIPE_API_KEY:
        yield _error("E011", "INVOICE_ENABLE_STRIPE is on but STRIPE_API_KEY is not set.", "Set the secret key.")
    if settings.INVOICE_ENABLE_EMAIL and not settings.EMAIL_HOST:
        yield _error("E012", "INVOICE_ENABLE_EMAIL is on but INVOICE_SMTP_HOST is not set.", "Name the mail server.")


def check_alerts(app_configs: Any, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Refuse alerts that reach into the private network, or nobody."""
    if settings.ALERTS_ALLOW_PRIVATE_ADDRESSES and not settings.DEBUG:
        hint = "Unset it: whoever edits channels could reach what only this network should reach."
        yield _error("E030", "ALERTS_ALLOW_PRIVATE_ADDRESSES is on in production.", hint)
    if settings.ALERTS_EMAIL and not settings.EMAIL_HOST:
        yield _error("E031", "ALERTS_EMAIL is set but INVOICE_SMTP_HOST is not.", "Name the mail server.")


def check_results(app_configs: Any, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Refuse a queue whose files can't be read."""
    if not settings.RESULTS_BUCKET and (settings.RESULTS_QUEUE_URL or settings.RESULTS_ENDPOINT):
        hint = "Name the bucket in which workers leave their results, or leave all of RESULTS_… empty."
        yield _error("E040", "RESULTS_QUEUE_URL or RESULTS_ENDPOINT is set but RESULTS_BUCKET is not.", hint)


def register() -> None:
    """Add our checks to Django's."""
    checks.register(check_environment)
    checks.register(check_lines)
    checks.register(check_billing)
    checks.register(check_alerts)
    checks.register(check_results)


def _error(code: str, message: str, hint: str) -> checks.Error:
    return checks.Error(message, hint=hint, id=f"huntaze.{code}")
