"""Tracing where it is off. Where it is on: tests/flows/test_traces.py."""

import subprocess
import sys

from emprops.kit.telemetry import tracing
from emprops.settings import Settings

SCRIPT = """
import sys
import emprops.main, emprops.upkeep, emprops.worker.main
from emprops.kit.telemetry import tracing
from emprops.settings import Settings
tracing.configure_tracing(Settings(), "api")
heavy = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf", "requests")
print([name for name in sys.modules if name.startswith(heavy)])
"""


def test_processes_that_do_not_trace_do_not_load_the_library() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env={})
    assert done.stdout.strip() == "[]"


def test_nothing_is_traced_unless_it_is_configured() -> None:
    with tracing.span("a", {"b": 1}) as span, tracing.span("c"):
        assert span is None
        assert tracing.current() == ""
        assert tracing.ids() == {}
    assert tracing.begin("a", parent="") is None
    assert tracing.record("a", parent="", seconds=1.0) == ""
    tracing.failed("no reason")
    tracing.stop_tracing()


def test_the_collector_is_named_as_opentelemetry_names_it() -> None:
    assert Settings().traces_url == ""
    assert Settings(otlp_endpoint="http://collector:4318/").traces_url == "http://collector:4318/v1/traces"
    whole = Settings.model_validate({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/x", "otlp_endpoint": "http://d"})
    assert whole.traces_url == "http://c/x"
