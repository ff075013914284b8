"""Counts and times of this process for Prometheus: where they are kept, and how they are served.

A feature makes its own with the functions here, once, at the top of a module; whatever is counted in a process is then
in its ``/metrics``. Labels take few values: never an id, a path as it was sent, or a text that users write.
"""

import contextlib
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import start_wsgi_server
from prometheus_client.registry import Collector

from emprops import __version__
from emprops.settings import SettingsError

NAMESPACE = "emprops"
OTHER = "other"
"""What a label says of everything that has no value of its own."""
REGISTRY = CollectorRegistry()

LATENCIES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets of what a client waits for, in seconds."""
DURATIONS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Buckets of work and of waits in the queue, in seconds."""

# else each count has a second series, which says when the process made it
disable_created_metrics()  # type: ignore[no-untyped-call]
ProcessCollector(registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric of this package, as the reference page lists it."""

    name: str
    kind: str
    """``counter``, ``gauge`` or ``histogram``."""
    labels: tuple[str, ...]
    text: str


DECLARED: list[Declared] = []
"""Every metric that the imported modules declare."""


def counter(name: str, text: str, *labels: str) -> Counter:
    """Declare a count that only rises; ``emprops_`` is put before its name, ``_total`` after it."""
    DECLARED.append(Declared(f"{name}_total", "counter", labels, text))
    return Counter(name, text, labels, namespace=NAMESPACE, registry=REGISTRY)


def level(name: str, text: str, *labels: str) -> Gauge:
    """Declare a figure that rises and falls with what this process does."""
    DECLARED.append(Declared(name, "gauge", labels, text))
    return Gauge(name, text, labels, namespace=NAMESPACE, registry=REGISTRY)


def histogram(name: str, text: str, *labels: str, buckets: Sequence[float]) -> Histogram:
    """Declare a distribution of seconds."""
    DECLARED.append(Declared(name, "histogram", labels, text))
    return Histogram(name, text, labels, namespace=NAMESPACE, registry=REGISTRY, buckets=buckets)


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric that is read when it is scraped, instead of being kept."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    family: type[GaugeMetricFamily] | type[CounterMetricFamily] = GaugeMetricFamily

    def of(self, rows: Iterable[tuple[Sequence[str], float]]) -> Metric:
        """Return the family for one scrape: each row is the values of the labels, and the figure."""
        family = self.family(f"{NAMESPACE}_{self.name}", self.text, labels=self.labels)
        for values, figure in rows:
            family.add_metric(values, figure)
        return family

    def at(self, figure: float) -> Metric:
        """Return the family of a metric without labels."""
        return self.of([((), figure)])


def read_gauge(name: str, text: str, *labels: str) -> Reading:
    """Declare a gauge that is read for each scrape."""
    DECLARED.append(Declared(name, "gauge", labels, text))
    return Reading(name, text, labels)


def read_counter(name: str, text: str, *labels: str) -> Reading:
    """Declare a count that something else keeps and that is read for each scrape."""
    DECLARED.append(Declared(f"{name}_total", "counter", labels, text))
    return Reading(name, text, labels, CounterMetricFamily)


class Bounded:
    """Keeps a label from taking ever more values: the first ``most`` different ones are let through."""

    def __init__(self, most: int = 50) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """Return the value, or ``other``."""
        if value not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(value)
        return value


BUILD = level("build_info", "Version of EmProps and of Python that runs here.", "version", "python")
BUILD.labels(__version__, platform.python_version()).set(1)


Readiness = Callable[[], tuple[bool, Mapping[str, str]]]
"""Return whether a process can do its work, and the state of each part: ``ok``, or what is wrong with it."""


@contextlib.contextmanager
def served(host: str, port: int, *more: Collector, readiness: Readiness | None = None) -> Iterator[None]:
    """Serve this process's metrics, and those of ``more``, at ``http://host:port/metrics`` while the block runs, and
    whether it is ready at ``/ready``; from a thread of its own. Port 0 serves nothing. Raises :class:`SettingsError` if
    the address cannot be used."""
    if not port:
        yield
        return
    for collector in more:
        REGISTRY.register(collector)
    try:
        server, thread = start_wsgi_server(port, addr=host, registry=REGISTRY)
    except OSError as error:
        raise SettingsError(f"Metrics cannot be served at {host}:{port}: {error.strerror}.") from error
    if readiness is not None:
        server.set_app(_with_readiness(server.get_app(), readiness))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for collector in more:
            REGISTRY.unregister(collector)


def _with_readiness(metrics: Any, readiness: Readiness) -> Any:
    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != "/ready":
            answered: Iterable[bytes] = metrics(environ, start_response)
            return answered
        ready, parts = readiness()
        start_response("200 OK" if ready else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [_readiness_body(ready, parts)]

    return answer


def _readiness_body(ready: bool, parts: Mapping[str, str]) -> bytes:
    """Write what ``/ready`` of the api answers in the same case."""
    if ready:
        return orjson.dumps({"data": {"status": "ok", "parts": parts}, "error": None})
    missing = {part: state for part, state in parts.items() if state != "ok"}
    sentence = "; ".join(f"{part} is {state}" for part, state in missing.items())
    return orjson.dumps({"data": None, "error": f"Not ready: {sentence}.", "details": missing})
