"""System checks: what a production start must not do without."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core import checks

from huntaze.settings import DEVELOPMENT_ENCRYPTION_KEY, DEVELOPMENT_SECRET_KEY

_SHORTEST_SECRET = 50


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
    if not settings.TWO_FACTOR_REQUIRED:
        hint = "Leave REQUIRE_TWO_FACTOR empty: a stolen password is enough to move money otherwise."
        yield checks.Warning("Staff may log in with a password alone.", hint=hint, id="huntaze.W001")


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
    checks.register(check_billing)
    checks.register(check_alerts)
    checks.register(check_results)


def _error(code: str, message: str, hint: str) -> checks.Error:
    return checks.Error(message, hint=hint, id=f"huntaze.{code}")
