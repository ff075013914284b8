"""Traces over all processes, for OpenTelemetry: only where a collector is configured.

Everywhere else nothing of OpenTelemetry is imported, and each function here costs a comparison. A span is named by its
W3C ``traceparent``, a text that travels in job rows, tickets and reports. Spans say how long what took and whether it
worked; texts that users wrote, and messages of exceptions, are left out.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from emprops import __version__
from emprops.settings import Settings

log = structlog.get_logger(__name__)

FLUSH_TIME = 2.0
"""Seconds that the last spans get to reach the collector when a process stops."""
EXPORT_TIMEOUT = 5.0
"""Seconds that the collector gets to take a batch. What it does not take is lost, and nothing waits for it."""
QUEUE = 4_096
"""Spans that wait to be sent; more are dropped."""

Attributes = Mapping[str, str | int | float | bool]
Kind = Literal["internal", "server", "producer", "consumer"]


@dataclass(slots=True)
class _OpenTelemetry:
    """What is there once tracing is configured."""

    provider: Any
    tracer: Any
    trace: Any
    """The module ``opentelemetry.trace``."""
    propagator: Any
    nowhere: Any
    """A context without a span."""


_on: _OpenTelemetry | None = None
_NOTHING: AbstractContextManager[Any] = contextlib.nullcontext()


def configure_tracing(settings: Settings, service: str) -> None:
    """Send this process's spans to the collector that the settings name, if they name one. Call once a process."""
    global _on  # noqa: PLW0603 - like logging, one for the process
    if not settings.traces_url:
        return
    from opentelemetry import trace  # noqa: PLC0415 - a quarter of a second that only those pay who trace
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    named = {"service.name": f"emprops-{service}", "service.version": __version__}
    if "OTEL_SERVICE_NAME" in os.environ:
        del named["service.name"]
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=settings.traces_url, timeout=EXPORT_TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE))
    tracer = provider.get_tracer("emprops", __version__)
    _on = _OpenTelemetry(provider, tracer, trace, TraceContextTextMapPropagator(), Context())
    log.info("tracing started", to=settings.traces_url)


def stop_tracing() -> None:
    """Send what is left, for :data:`FLUSH_TIME` seconds at most, and trace no more. Blocks."""
    global _on
    was, _on = _on, None
    if was is None:
        return
    last = threading.Thread(target=was.provider.shutdown, name="last-spans", daemon=True)
    last.start()
    last.join(FLUSH_TIME)


def enabled() -> bool:
    """Whether spans go anywhere."""
    return _on is not None


def current() -> str:
    """Return the ``traceparent`` of the span that is open here; empty if there is none."""
    return "" if _on is None else _traceparent(_on.trace.get_current_span())


def describe(span: Any, attributes: Attributes) -> None:
    """Say more of a span that is open; None: nothing is traced."""
    if span is not None:
        span.set_attributes(attributes)


def ids() -> dict[str, str]:
    """Return the ids of the open span, for log lines."""
    if _on is None:
        return {}
    context = _on.trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    kind: Kind = "internal",
) -> AbstractContextManager[Any]:
    """Open a span for a block: below the one that is open here or, if ``parent`` is not None, below that one; an empty
    ``parent`` begins a trace. Returns the span, or None where nothing is traced."""
    if _on is None:
        return _NOTHING
    return _span(_on, _start(_on, name, attributes, parent, links, kind))


@contextlib.contextmanager
def _span(on: _OpenTelemetry, opened: Any) -> Iterator[Any]:
    with on.trace.use_span(opened, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield opened
        except BaseException as error:
            # the type alone: its message may have what a user wrote
            opened.set_status(on.trace.Status(on.trace.StatusCode.ERROR, type(error).__name__))
            raise


@dataclass(slots=True)
class Begun:
    """A span that is open, though not around the code that runs; :meth:`end` it."""

    _span: Any
    traceparent: str

    def end(self) -> None:
        """End the span now."""
        self._span.end()


def begin(name: str, attributes: Attributes | None = None, *, parent: str, kind: Kind = "internal") -> Begun | None:
    """Begin a span below ``parent`` that ends when told to; None where nothing is traced."""
    if _on is None:
        return None
    begun = _start(_on, name, attributes, parent, (), kind)
    return Begun(begun, _traceparent(begun))


def record(name: str, attributes: Attributes | None = None, *, parent: str, seconds: float) -> str:
    """Record a span that ended just now and took that long. Returns its ``traceparent``; empty without tracing."""
    if _on is None:
        return ""
    now = time.time_ns()
    made = _start(_on, name, attributes, parent, (), "internal", start_time=now - int(seconds * 1e9))
    made.end(end_time=now)
    return _traceparent(made)


def failed(reason: str) -> None:
    """Mark the span that is open here as failed; ``reason`` is a word of ours."""
    if _on is not None:
        _on.trace.get_current_span().set_status(_on.trace.Status(_on.trace.StatusCode.ERROR, reason))


def _start(
    on: _OpenTelemetry,
    name: str,
    attributes: Attributes | None,
    parent: str | None,
    links: Sequence[str],
    kind: Kind,
    **options: Any,
) -> Any:
    return on.tracer.start_span(
        name,
        context=None if parent is None else _context(on, parent),
        kind=on.trace.SpanKind[kind.upper()],
        attributes=attributes,
        links=[on.trace.Link(on.trace.get_current_span(_context(on, link)).get_span_context()) for link in links],
        record_exception=False,
        set_status_on_exception=False,
        **options,
    )


def _context(on: _OpenTelemetry, traceparent: str) -> Any:
    return on.propagator.extract({"traceparent": traceparent}, context=on.nowhere)


def _traceparent(of: Any) -> str:
    context = of.get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
