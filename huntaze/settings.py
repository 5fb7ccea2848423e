"""All settings, read from environment variables (and `.env` where there is one); `.env.example` lists them.

A variable whose value does not fit stops the start with one line a variable and never shows the value.
"""

import base64
import datetime as dt
import os
import re
from collections import defaultdict
from collections.abc import Callable
from email.utils import parseaddr
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import dj_database_url
from cronsim import CronSim
from django.core.exceptions import ImproperlyConfigured
from django.core.validators import validate_email
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.csp import CSP
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, HttpUrl, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from common.clock import Month, comes_too_often, now
from common.hosts import ascii_mailbox
from common.redaction import find_secrets

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / ".data"

DEVELOPMENT_SECRET_KEY = "development-only-secret-key-refused-wherever-DEBUG-is-off"  # noqa: S105
DEVELOPMENT_ENCRYPTION_KEY = "ZGV2ZWxvcG1lbnQtb25seS1rZXktMDAwMDAwMDAwMDA="


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_QUEUES = ("default", "billing", "messages", "ai", "enrichment", "analytics", "notifications", "email", "webhooks")
_QUEUE_NAME = re.compile(rf"({'|'.join(_QUEUES)})=[A-Za-z0-9_-]{{1,76}}")


def _must[T](holds: Callable[[T], object], otherwise: str) -> AfterValidator:
    """Refuse a value, without repeating it, for which `holds` answers false or raises."""

    def check(value: T) -> T:
        try:
            fine = not value or holds(value)
        except Exception:
            fine = False
        if not fine:
            raise ValueError(otherwise)
        return value

    return AfterValidator(check)


def _is_url(value: str, *schemes: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0


def _is_key(key: str) -> bool:
    return len(base64.b64decode(key, altchars=b"-_", validate=True)) == 32


def _is_mailbox(value: str) -> bool:
    validate_email(parseaddr(value)[1])
    return value.isprintable()


_LAST_DAY_OF_ALL_MONTHS = 28
_TIMES_LOOKED_AT = 100


def _is_schedule(value: str) -> bool:
    fields = value.split()
    # Months without such a day would not be billed.
    is_short = len(fields) == 6 and fields[3].isdecimal() and int(fields[3]) > _LAST_DAY_OF_ALL_MONTHS
    is_cron = len(fields) == 6 and fields[0] in {"0", "00"}
    times = list(islice(CronSim(" ".join(fields[1:]), now()), _TIMES_LOOKED_AT)) if is_cron else []
    return bool(times) and not is_short and not comes_too_often(times)


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Header = Annotated[str, _must(lambda value: value.isascii() and value.isprintable(), "Use printable ASCII only.")]
Secrets = Annotated[
    Words,
    _must(
        lambda value: all(len(secret) >= 16 and secret.isascii() and secret.isprintable() for secret in value),
        "Give secrets of at least 16 printable ASCII characters, separated by commas.",
    ),
]
HeaderTemplates = Annotated[
    dict[str, str],
    _must(
        lambda value: all(
            name.isascii() and name.isprintable() and template.isascii() and template.isprintable() and "{" in template
            for name, template in value.items()
            if template.format_map(defaultdict(str)) is not None
        ),
        'Give headers as JSON, each made of what is stored, like {"Authorization": "Bearer {token}"}.',
    ),
]
Address = Annotated[
    str, _must(lambda value: _is_url(value, "http", "https"), "Give an address that begins with https:// or http://.")
]
Mailbox = Annotated[str, _must(_is_mailbox, "Give an e-mail address, like Name <name@example.com>.")]
Mailboxes = Annotated[
    Words,
    _must(lambda value: all(map(_is_mailbox, value)), "Give e-mail addresses, separated by commas."),
    AfterValidator(lambda value: tuple(dict.fromkeys(value))),
]


class Environment(BaseSettings):
    """Every environment variable, its type and what holds without it."""

    model_config = SettingsConfigDict(
        env_file=BASE_DIR / ".env", extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    # The installation
    debug: bool = False
    secret_key: str = ""
    encryption_keys: Annotated[
        Words,
        _must(
            lambda value: all(map(_is_key, value)),
            "Each must be 32 bytes in URL-safe base64: make one with `manage.py new_encryption_key`.",
        ),
    ] = ()
    allowed_hosts: Words = ()
    csrf_trusted_origins: Words = ()
    base_url: HttpUrl = HttpUrl("http://localhost:8000")
    database_url: Annotated[
        str,
        _must(
            lambda value: value.startswith(("postgres:", "postgresql:")) and dj_database_url.parse(value)["NAME"],
            "Give postgres://user:password@host:5432/name, with %xx for characters that mean something in it.",
        ),
    ] = ""
    web_statement_seconds: Annotated[int, Field(ge=1, le=3_600)] = 20
    worker_statement_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    redis_url: Annotated[
        str,
        _must(lambda value: _is_url(value, "redis", "rediss"), "Give redis://host:6379/0 or rediss://…."),
    ] = ""
    # Celery's own command line takes CELERY_BROKER for an address.
    jobs_broker: Literal["redis", "sqs"] = "redis"
    sqs_region: str = ""
    sqs_endpoint: Address = ""
    sqs_queue_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,40}$")] = "huntaze-"
    sqs_queue_names: Annotated[
        Words,
        _must(
            lambda value: all(map(_QUEUE_NAME.fullmatch, value)),
            "Give pairs of a queue and its name at SQS, separated by commas, like ai=huntaze-ai-processing.",
        ),
    ] = ()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["", "json", "text"] = ""
    metrics_token: Header = ""
    sentry_dsn: Address = ""
    cloudwatch_namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/#:-]{0,255}$")] = ""
    cloudwatch_region: str = ""
    cloudwatch_endpoint: Address = ""

    # Who may call the API
    cron_secret: Secrets = ()
    api_keys: Secrets = ()
    eventbridge_api_key: Secrets = ()

    # Who comes in
    require_two_factor: bool | None = None
    lockout_failures: Count = 5
    lockout_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    session_idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    session_hours: Annotated[int, Field(ge=1, le=168)] = 12
    client_address_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")] = ""
    trusted_proxies: Count = 1

    # Jobs
    jobs_lease_seconds: Annotated[float, Field(ge=0.5, le=86_400)] = 60
    jobs_max_attempts: Count = 5
    jobs_retry_base_seconds: Seconds = 2
    jobs_retry_max_seconds: Seconds = 300
    jobs_threads: Count = 24
    jobs_workers_per_run: Count = 2

    # Analytics
    analytics_event_months: Annotated[int, Field(ge=0, le=1_200)] = 24

    # Alerts
    alerts_email: Mailbox = ""
    alerts_settle_seconds: Seconds = 60
    # Longer than the longest deadline of a call: nobody else may send what is still being sent.
    alerts_lease_seconds: Annotated[float, Field(ge=120, le=86_400)] = 300
    alerts_max_attempts: Count = 15
    alerts_retry_base_seconds: Seconds = 5
    alerts_retry_max_seconds: Seconds = 14_400
    alerts_allow_private_addresses: bool = False
    alerts_slack_hosts: Words = ()
    alerts_sns_endpoint: Address = ""

    # Monthly billing
    process_month: Annotated[
        str, _must(Month.parse, "That is not a month: write it as year and month, like 2026-10.")
    ] = ""
    dry_run: bool = False
    run_schedule: Annotated[
        str,
        _must(
            _is_schedule,
            "Give six fields, seconds 0, day at most 28, times at least 5 minutes apart, like 0 0 2 1 * *.",
        ),
    ] = ""
    notify_on_completion: bool = False
    notify_email: Mailboxes = ()
    billing_max_lines: Count = 500
    billing_max_total_cents: Count = 5_000_000
    billing_max_change_percent: Count = 300
    billing_held_days: Count = 3

    # Invoices
    invoice_prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")] = "INV"
    credit_note_prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")] = "CN"
    invoice_due_days: Annotated[int, Field(ge=0, le=365)] = 14
    invoice_seller_name: str = "Huntaze"
    invoice_seller_address: str = ""
    invoice_seller_email: Mailbox = "billing@huntaze.test"
    invoice_seller_tax_id: str = ""
    invoice_enable_s3: bool = False
    invoice_s3_bucket: str = ""
    invoice_s3_region: str = ""
    invoice_s3_endpoint: Address = ""
    invoice_enable_stripe: bool = False
    stripe_api_key: Header = Field("", validation_alias=AliasChoices("STRIPE_API_KEY", "STRIPE_SECRET_KEY"))
    stripe_api_base: Address = ""
    stripe_rate_per_second: Count = 100
    stripe_endpoint_rate_per_second: Count = 25
    stripe_webhook_secret: Words = ()
    stripe_event_max_attempts: Annotated[int, Field(ge=1, le=1_000)] = 12
    stripe_event_retry_base_seconds: Seconds = 10
    stripe_event_retry_max_seconds: Seconds = 3600
    invoice_enable_email: bool = False
    invoice_smtp_host: str = ""
    invoice_smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    invoice_smtp_username: str = ""
    invoice_smtp_password: str = ""
    invoice_smtp_from: Mailbox = "Huntaze Billing <billing@huntaze.test>"
    invoice_smtp_use_tls: bool = False
    invoice_email_unknown: Literal["resend", "hold"] = "resend"

    # Result files of the workers
    results_bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,255}$")] = ""
    results_region: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,40}$")] = ""
    results_endpoint: Address = ""
    results_queue_url: Address = ""
    results_queue_seconds: Annotated[int, Field(ge=5, le=43_200)] = 60
    results_max_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    results_max_attempts: Annotated[int, Field(ge=1, le=1_000)] = 8
    results_retry_base_seconds: Seconds = 10
    results_retry_max_seconds: Seconds = 3600

    # OnlyFans, through a gateway
    onlyfans_api_url: Address = ""
    onlyfans_user_agent: Header = "Huntaze/1.0"
    onlyfans_earnings_path: Annotated[
        Header,
        _must(
            lambda path: path.format(account="a") == path.replace("{account}", "a") != path and path[0] == "/",
            "Give a path that begins with / and names the account as {account}.",
        ),
    ] = "/api/{account}/statistics/statements/earnings"
    onlyfans_transactions_path: Annotated[
        Header,
        _must(
            lambda path: path.format(account="a") == path.replace("{account}", "a") != path and path[0] == "/",
            "Give a path that begins with / and names the account as {account}.",
        ),
    ] = ""
    onlyfans_page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    onlyfans_token_headers: HeaderTemplates = {"Authorization": "Bearer {token}"}
    onlyfans_session_headers: HeaderTemplates = {
        "Cookie": "{cookie}",
        "X-BC": "{x_bc}",
        "User-Agent": "{user_agent}",
    }
    onlyfans_requests_per_minute: Count = 60

    # The former system's tables
    dynamodb_region: str = ""
    dynamodb_endpoint: Address = ""
    dynamodb_table_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,100}$")] = "huntaze-"
    dynamodb_page_size: Annotated[int, Field(ge=0, le=10_000)] = 0


def _read_environment() -> Environment:
    try:
        return Environment()
    except ValidationError as error:
        lines = [
            f"  {str(part['loc'][0]).upper()}: {part['msg'].removeprefix('Value error, ')}"
            for part in error.errors(include_input=False)
        ]
        raise ImproperlyConfigured("Environment variables that can't be used:\n" + "\n".join(lines)) from None


ENV = _read_environment()

DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key or DEVELOPMENT_SECRET_KEY
ENCRYPTION_KEYS = ENV.encryption_keys or (DEVELOPMENT_ENCRYPTION_KEY,)
ALLOWED_HOSTS = list(ENV.allowed_hosts) or (["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = list(ENV.csrf_trusted_origins)
BASE_URL = str(ENV.base_url).rstrip("/")

DATABASE_URL, REDIS_URL = ENV.database_url, ENV.redis_url
if DEBUG and not (DATABASE_URL and REDIS_URL):
    from huntaze import embedded

    _addresses = embedded.addresses(DATA_DIR)
    DATABASE_URL = DATABASE_URL or _addresses.database_url
    REDIS_URL = REDIS_URL or _addresses.redis_url

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "huntaze.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "accounts",
    "workqueue",
    "alerts",
    "jobs",
    "analytics",
    "onlyfans",
    "billing",
    "huntaze.apps.HuntazeConfig",
]

MIDDLEWARE = [
    "huntaze.middleware.Probes",
    "common.api.request_ids.RequestIdMiddleware",
    "huntaze.middleware.AccessLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "huntaze.origins.OriginMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "huntaze.sessions.SessionLimitsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "huntaze.urls"
WSGI_APPLICATION = "huntaze.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, Any] = {}
if DATABASE_URL:
    DATABASES["default"] = dj_database_url.parse(DATABASE_URL, conn_max_age=600, conn_health_checks=True)
    _options: dict[str, Any] = DATABASES["default"].setdefault("OPTIONS", {})
    _options.setdefault("connect_timeout", 5)
    # To compile a query takes seconds, to run it on a batch takes milliseconds.
    _options["options"] = f"-c jit=off {_options.get('options', '')}".strip()
WEB_STATEMENT_SECONDS, WORKER_STATEMENT_SECONDS = ENV.web_statement_seconds, ENV.worker_statement_seconds
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.services.lockouts.GuardedBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["huntaze.formats"]

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG


def keep_in_s3(bucket: str, region: str, endpoint: str) -> dict[str, Any]:
    """Configure the storage of invoices in S3, or in what answers like it at `endpoint`."""
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    return {
        "BACKEND": "huntaze.storage.WholeFileS3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "region_name": region or None,
            "endpoint_url": endpoint or None,
            "client_config": Config(
                s3={"addressing_style": "path" if endpoint else "auto"},
                # One connection a thread; a file is small enough to go up in one piece by the thread that brings it.
                max_pool_connections=ENV.jobs_threads,
                # Retries are the engine's, which writes them down.
                retries={"total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=30,
            ),
            "transfer_config": TransferConfig(use_threads=False),
            "file_overwrite": True,
            "default_acl": None,
            "querystring_auth": True,
        },
    }


def keep_in_files(folder: Path) -> dict[str, Any]:
    """Configure the storage of invoices below a folder."""
    options = {"location": folder, "base_url": None, "allow_overwrite": True}
    return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}


STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "files"}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
    "invoices": (
        keep_in_s3(ENV.invoice_s3_bucket, ENV.invoice_s3_region, ENV.invoice_s3_endpoint)
        if ENV.invoice_enable_s3
        else keep_in_files(DATA_DIR / "invoices")
    ),
}

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = ENV.invoice_smtp_host
EMAIL_PORT = ENV.invoice_smtp_port
EMAIL_HOST_USER = ENV.invoice_smtp_username
EMAIL_HOST_PASSWORD = ENV.invoice_smtp_password
EMAIL_USE_TLS = ENV.invoice_smtp_use_tls
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ascii_mailbox(ENV.invoice_smtp_from)

# The API
CRON_SECRETS = ENV.cron_secret
API_KEYS = ENV.api_keys
EVENTBRIDGE_API_KEYS = ENV.eventbridge_api_key
REST_FRAMEWORK: dict[str, Any] = {
    # Each view says who may call it; one that forgets lets nobody in.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.api.parsing.BoundedJSONParser"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "common.api.errors.answer_exception",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Huntaze",
    "DESCRIPTION": "Every answer that did not go well has the shape of `Refusal`; `docs/api.md` tells the rest.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "jobs.api.documents.document_jobs",
        "common.api.documents.document_refusals",
    ],
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": dt.timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": dt.timedelta(days=14),
    "ISSUER": "huntaze",
    "AUDIENCE": "huntaze-api",
    "USER_ID_CLAIM": "sub",
    # The clock of the server that made a token may be ahead of ours.
    "LEEWAY": 30,
}

# Jobs
JOBS_LEASE_SECONDS = ENV.jobs_lease_seconds
JOBS_MAX_ATTEMPTS = ENV.jobs_max_attempts
JOBS_RETRY_BASE_SECONDS = ENV.jobs_retry_base_seconds
JOBS_RETRY_MAX_SECONDS = ENV.jobs_retry_max_seconds
JOBS_THREADS = ENV.jobs_threads
JOBS_WORKERS_PER_RUN = ENV.jobs_workers_per_run

# Analytics
ANALYTICS_EVENT_MONTHS = ENV.analytics_event_months

# Alerts
ALERTS_EMAIL = ENV.alerts_email
ALERTS_SETTLE_SECONDS = ENV.alerts_settle_seconds
ALERTS_LEASE_SECONDS = ENV.alerts_lease_seconds
ALERTS_MAX_ATTEMPTS = ENV.alerts_max_attempts
ALERTS_RETRY_BASE_SECONDS = ENV.alerts_retry_base_seconds
ALERTS_RETRY_MAX_SECONDS = ENV.alerts_retry_max_seconds
ALERTS_ALLOW_PRIVATE_ADDRESSES = ENV.alerts_allow_private_addresses
ALERTS_SLACK_HOSTS = ENV.alerts_slack_hosts
ALERTS_SNS_ENDPOINT = ENV.alerts_sns_endpoint

JOBS_BROKER = ENV.jobs_broker
SQS_REGION, SQS_ENDPOINT = ENV.sqs_region, ENV.sqs_endpoint
# Longer than a task lasts; a worker that was killed keeps its message from the others for as long.
SQS_VISIBILITY_SECONDS = 600
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_QUEUE_NAMES = _QUEUES
if JOBS_BROKER == "sqs":
    _endpoint = urlsplit(SQS_ENDPOINT)
    CELERY_BROKER_URL = f"sqs://{_endpoint.netloc}"
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        **({"region": SQS_REGION} if SQS_REGION else {}),
        "is_secure": _endpoint.scheme != "http",
        "visibility_timeout": SQS_VISIBILITY_SECONDS,
        "queue_name_prefix": "",
        "wait_time_seconds": 10,
        "client-config": {"connect_timeout": 2, "read_timeout": 15, "retries": {"total_max_attempts": 1}},
    }
    # It would need topics beside the queues.
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
    _named = dict(pair.split("=", 1) for pair in ENV.sqs_queue_names)
    BROKER_QUEUE_NAMES = {name: _named.get(name, f"{ENV.sqs_queue_prefix}{name}") for name in CELERY_TASK_QUEUE_NAMES}
else:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "socket_timeout": 10,
        "socket_connect_timeout": 2,
        # A start must not hang because the doorbell is broken: the row is written and a sweep finds it.
        "retry_policy": {"timeout": 2.0},
    }
    BROKER_QUEUE_NAMES = {name: name for name in CELERY_TASK_QUEUE_NAMES}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
# A run's bell names the queue of its job; sweep, tick and schedules go to the default one.
CELERY_TASK_ROUTES = {
    "alerts.*": {"queue": "notifications"},
    "billing.process_stripe_events": {"queue": "webhooks"},
    "huntaze.report_runs": {"queue": "analytics"},
    "onlyfans.*": {"queue": "enrichment"},
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE: dict[str, Any] = {}
if ENV.cloudwatch_namespace:
    CELERY_BEAT_SCHEDULE["cloudwatch"] = {
        "task": "huntaze.report_runs",
        "schedule": dt.timedelta(seconds=20),
        "options": {"expire_seconds": 60},
    }
CELERY_BEAT_MAX_LOOP_INTERVAL = 10
DJANGO_CELERY_BEAT_TZ_AWARE = True

# Monthly billing
PROCESS_MONTH = Month.parse(ENV.process_month) if ENV.process_month else None
DRY_RUN = ENV.dry_run
RUN_SCHEDULE = ENV.run_schedule
NOTIFY_ON_COMPLETION = ENV.notify_on_completion
NOTIFY_EMAIL = ENV.notify_email
BILLING_MAX_LINES = ENV.billing_max_lines
BILLING_MAX_TOTAL_CENTS = ENV.billing_max_total_cents
BILLING_MAX_CHANGE_PERCENT = ENV.billing_max_change_percent
BILLING_HELD_DAYS = ENV.billing_held_days
INVOICE_PREFIX = ENV.invoice_prefix
CREDIT_NOTE_PREFIX = ENV.credit_note_prefix
INVOICE_DUE_DAYS = ENV.invoice_due_days
INVOICE_SELLER = {
    "name": ENV.invoice_seller_name,
    "address": ENV.invoice_seller_address.replace("\\n", "\n"),
    "email": ENV.invoice_seller_email,
    "tax_id": ENV.invoice_seller_tax_id,
}
INVOICE_ENABLE_S3 = ENV.invoice_enable_s3
INVOICE_S3_BUCKET = ENV.invoice_s3_bucket
INVOICE_ENABLE_STRIPE = ENV.invoice_enable_stripe
STRIPE_API_KEY = ENV.stripe_api_key
STRIPE_API_BASE = ENV.stripe_api_base
STRIPE_RATE_PER_SECOND = ENV.stripe_rate_per_second
STRIPE_ENDPOINT_RATE_PER_SECOND = ENV.stripe_endpoint_rate_per_second
STRIPE_WEBHOOK_SECRET = ENV.stripe_webhook_secret
STRIPE_EVENT_MAX_ATTEMPTS = ENV.stripe_event_max_attempts
STRIPE_EVENT_RETRY_BASE_SECONDS = ENV.stripe_event_retry_base_seconds
STRIPE_EVENT_RETRY_MAX_SECONDS = ENV.stripe_event_retry_max_seconds
INVOICE_ENABLE_EMAIL = ENV.invoice_enable_email
INVOICE_EMAIL_UNKNOWN = ENV.invoice_email_unknown

RESULTS_BUCKET = ENV.results_bucket
RESULTS_REGION, RESULTS_ENDPOINT = ENV.results_region, ENV.results_endpoint
RESULTS_QUEUE_URL, RESULTS_QUEUE_SECONDS = ENV.results_queue_url, ENV.results_queue_seconds
RESULTS_MAX_BYTES = ENV.results_max_bytes
RESULTS_MAX_ATTEMPTS = ENV.results_max_attempts
RESULTS_RETRY_BASE_SECONDS = ENV.results_retry_base_seconds
RESULTS_RETRY_MAX_SECONDS = ENV.results_retry_max_seconds

ONLYFANS_API_URL = ENV.onlyfans_api_url
ONLYFANS_USER_AGENT = ENV.onlyfans_user_agent
ONLYFANS_EARNINGS_PATH = ENV.onlyfans_earnings_path
ONLYFANS_TRANSACTIONS_PATH = ENV.onlyfans_transactions_path
ONLYFANS_PAGE_SIZE = ENV.onlyfans_page_size
ONLYFANS_TOKEN_HEADERS = ENV.onlyfans_token_headers
ONLYFANS_SESSION_HEADERS = ENV.onlyfans_session_headers
ONLYFANS_REQUESTS_PER_MINUTE = ENV.onlyfans_requests_per_minute

DYNAMODB_REGION, DYNAMODB_ENDPOINT = ENV.dynamodb_region, ENV.dynamodb_endpoint
DYNAMODB_TABLE_PREFIX, DYNAMODB_PAGE_SIZE = ENV.dynamodb_table_prefix, ENV.dynamodb_page_size

# Who comes in
TWO_FACTOR_REQUIRED = not DEBUG if ENV.require_two_factor is None else ENV.require_two_factor
LOCKOUT_FAILURES = ENV.lockout_failures
LOCKOUT_MINUTES = ENV.lockout_minutes
SESSION_IDLE_MINUTES = ENV.session_idle_minutes
SESSION_HOURS = ENV.session_hours
CLIENT_ADDRESS_HEADER = ENV.client_address_header
TRUSTED_PROXIES = ENV.trusted_proxies

# The browser's side
SECURE_CSP = {
    "default-src": [CSP.SELF],
    # The admin theme's Alpine evaluates expressions and sets styles on elements.
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.SELF],
}
# An invoice's page shows its PDF in a frame; frame-ancestors above keeps everybody else's pages from doing so.
X_FRAME_OPTIONS = "SAMEORIGIN"
SILENCED_SYSTEM_CHECKS = ["security.W019"]
SESSION_COOKIE_AGE = SESSION_HOURS * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not DEBUG
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 86400
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG

METRICS_TOKEN = ENV.metrics_token
SENTRY_DSN = ENV.sentry_dsn
CLOUDWATCH_NAMESPACE = ENV.cloudwatch_namespace
CLOUDWATCH_REGION = ENV.cloudwatch_region
CLOUDWATCH_ENDPOINT = ENV.cloudwatch_endpoint
KNOWN_SECRETS = find_secrets(ENV.model_dump() | {name: os.environ[name] for name in os.environ if name[:4] == "AWS_"})
LOG_FORMAT = ENV.log_format or ("text" if DEBUG else "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "brief": {"()": "huntaze.logs.BriefRefusals"},
        "discreet": {"()": "huntaze.logs.Discreet"},
    },
    "formatters": {
        "text": {
            "()": "huntaze.logs.TextLines",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "huntaze.logs.JSONLines"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["discreet"]},
    },
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
    "loggers": {
        # Its own handler would write around ours.
        "django": {"handlers": []},
        "django.request": {"filters": ["brief"]},
        **{
            name: {"level": "WARNING"}
            for name in (
                "httpx",
                "httpcore",
                "stripe",
                "botocore",
                "boto3",
                "urllib3",
                "celery.app.trace",
                "celery.worker.strategy",
                "celery.beat",
                "django_celery_beat",
                "opentelemetry",
                "sentry_sdk",
            )
        },
    },
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Huntaze",
    "SITE_HEADER": "Huntaze",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "receipt_long",
    "SHOW_HISTORY": lambda request: request.user.has_perm("accounts.view_auditentry"),
    "SHOW_VIEW_ON_SITE": False,
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("huntaze/favicon.svg")}],
    "STYLES": [
        lambda request: static("huntaze/admin.css"),
        lambda request: static("huntaze/billing.css"),
        lambda request: static("huntaze/accounts.css"),
    ],
    "SCRIPTS": [
        lambda request: static("huntaze/lists.js"),
        lambda request: static("huntaze/reach.js"),
    ],
    "DASHBOARD_CALLBACK": "huntaze.dashboard.front_page",
    "ACCOUNT": {
        "navigation": [
            {"title": "Two-factor log-in", "link": reverse_lazy("admin:second_step")},
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
        ]
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "huntaze.navigation.sidebar"},
    "COMMAND": {"search_callback": "huntaze.search.search"},
}
