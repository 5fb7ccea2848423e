"""Where telemetry is switched on, a run leaves spans of its turn, its batches and each step, one within the other."""

from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from common import tracing
from common.errors import Permanent
from jobs.engine.context import Context
from jobs.registry import Job, Step
from tests.jobs.conftest import Declare
from tests.jobs.spine import begin, complete, statuses


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = (tracing._switch.tracer, tracing._switch.flush)
    tracing.switch_on(provider.get_tracer("tested"), provider.force_flush)
    yield exporter
    tracing._switch.tracer, tracing._switch.flush = before


def _path(span: ReadableSpan, by_id: dict[int, ReadableSpan]) -> str:
    """The names from the outermost span to this one."""
    names = [span.name]
    while span.parent and span.parent.span_id in by_id:
        span = by_id[span.parent.span_id]
        names.insert(0, span.name)
    return " > ".join(names)


def test_a_run_leaves_spans_from_its_turn_to_each_items_step(declare: Declare, spans: InMemorySpanExporter) -> None:
    @declare("spanned", title="Spanned")
    class Spanned(Job):
        def keys(self) -> list[str]:
            return ["a", "b"]

        def steps(self) -> tuple[Step, ...]:
            return Step("gather", self.gather), Step("send", self.send, each=True)

        def gather(self, keys: Sequence[str], context: Context) -> None:
            pass

        def send(self, keys: Sequence[str], context: Context) -> None:
            if keys == ["b"]:
                raise Permanent("The address is wrong.")

    run = complete(begin("spanned"))
    assert statuses(run) == {"a": "done", "b": "failed"}
    ended = spans.get_finished_spans()
    by_id = {span.context.span_id: span for span in ended if span.context}
    batch = "run spanned > batch"
    assert sorted(_path(span, by_id) for span in ended) == [
        "run spanned", batch, f"{batch} > step gather", f"{batch} > step send", f"{batch} > step send",
    ]  # fmt: skip
    found = {(span.name, (span.attributes or {}).get("huntaze.item")): span for span in ended}
    assert dict(found["run spanned", None].attributes or {}) == {
        "huntaze.run": run.pk, "huntaze.job": "spanned", "huntaze.trigger": "command", "huntaze.dry_run": False,
    }  # fmt: skip
    assert (found["step gather", None].attributes or {})["huntaze.items"] == 2
    assert found["step send", "a"].status.is_unset
    failed = found["step send", "b"]
    assert (failed.status.is_ok, failed.status.description) == (False, "Permanent: The address is wrong.")
    assert (failed.events[0].attributes or {})["exception.message"] == "The address is wrong."
