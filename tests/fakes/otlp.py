"""A collector for traces: takes spans over OTLP/HTTP and keeps them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A span as it came."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    """Empty: it has none."""
    kind: int
    attributes: dict[str, Any]
    seconds: float
    failed: str
    """Why, if it is marked as failed."""
    links: tuple[str, ...]
    """Traces it points to."""


class Collector:
    """The spans that came, in the order of their coming."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Span] = []
        self.answers = threading.Event()
        """Unless it is set, requests get no answer."""
        self.answers.set()
        self._came = threading.Condition()

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        found = [
            _span(resource.resource, span)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._came:
            self.spans += found
            self._came.notify_all()

    def until(self, enough: Callable[[list[Span]], bool], timeout: float = 20.0) -> list[Span]:
        """Wait until there is enough; gives all that came. Blocks."""
        with self._came:
            if not self._came.wait_for(lambda: enough(self.spans), timeout):
                raise AssertionError(f"something did not come: {[span.name for span in self.spans]}")
            return list(self.spans)


def _span(resource: Any, span: Any) -> Span:
    [service] = [one.value.string_value for one in resource.attributes if one.key == "service.name"]
    values = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    return Span(
        service=service,
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        attributes=values,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        failed=(span.status.message or "failed") if span.status.code == 2 else "",
        links=tuple(link.trace_id.hex() for link in span.links),
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a loopback port."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.answers.wait(60)
            if self.path == "/v1/traces":
                collector.take(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_request(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        collector.answers.set()
        server.shutdown()
        server.server_close()
        thread.join()
