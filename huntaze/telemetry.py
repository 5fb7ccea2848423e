"""Traces to OpenTelemetry and errors to Sentry, each only where the environment names a receiver."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from common import tracing
from common.trail import of_error
from huntaze.logs import redactor

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_FLUSH_SECONDS = 5.0
_OF_ADDRESS = frozenset({"http.query", "http.fragment"})


def wants_traces(environment: Mapping[str, str]) -> bool:
    """Return whether OpenTelemetry's own variables ask for traces: they name a receiver, and do not switch it off."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    is_elsewhere = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() != "otlp"
    return not is_off and not is_elsewhere and any(environment.get(name) for name in _ENDPOINTS)


def switch_on() -> None:
    """Switch on what the environment asks for; what it does not ask for costs nothing."""
    if wants_traces(os.environ):
        _trace()
    if settings.SENTRY_DSN:
        _report_errors(settings.SENTRY_DSN)


def _trace() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from huntaze.spans import DiscreetExporter

    os.environ.setdefault("OTEL_SERVICE_NAME", "huntaze")
    # Probes come every few seconds and tell nothing.
    os.environ.setdefault("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "healthz,readyz,metrics")
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(DiscreetExporter(OTLPSpanExporter(), redactor())))
    trace.set_tracer_provider(provider)
    _instrument()
    tracing.switch_on(trace.get_tracer("huntaze"), lambda: provider.force_flush(int(_FLUSH_SECONDS * 1000)))


def _instrument() -> None:
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor

    DjangoInstrumentor().instrument()
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]  # the library leaves it untyped
    PsycopgInstrumentor().instrument()


def _report_errors(dsn: str) -> None:
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        before_send=_clean_event,
        before_breadcrumb=_clean_breadcrumb,
        send_default_pii=False,
        # What a function held in its hands may be a key, under whatever name.
        include_local_variables=False,
        max_request_body_size="never",
        # Or else every call tells Stripe, gateways and receivers of webhooks our key, release and trace.
        trace_propagation_targets=[],
        shutdown_timeout=_FLUSH_SECONDS,
    )


def _clean_event(event: Any, hint: Any) -> Any:
    """Take secrets out of a report, and say on it what was being worked on."""
    clean = redactor().value(event)
    raised = (hint.get("exc_info") or (None, None))[1]
    tags = {name: str(value) for name, value in redactor().value(dict(of_error(raised))).items()}
    clean["tags"] = {**(clean.get("tags") or {}), **tags}
    request = clean.get("request")
    if isinstance(request, dict):
        clean["request"] = {name: request[name] for name in ("url", "method") if name in request}
    return clean


def _clean_breadcrumb(crumb: Any, hint: Any) -> Any:
    """Take secrets out of what went before; of a call outside keep who was called, for its path may be the secret."""
    clean = redactor().value(crumb)
    if clean.get("type") == "http":
        data = clean.get("data") or {}
        parts = urlsplit(str(data.get("url", "")))
        clean["data"] = {name: value for name, value in data.items() if name not in _OF_ADDRESS}
        clean["data"]["url"] = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return clean
