"""One job is one trace, through api and worker as processes; and a collector that is silent disturbs nobody."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.apps import as_user, free_port
from tests.fakes.otlp import Collector, Span, collecting

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.samples import store as samples
from emprops.settings import Settings

ROOT = Path(__file__).parents[2]
CALLER = "0af7651916cd43dd8448eb211c80319c"
PATIENCE = 40.0


@asynccontextmanager
async def process(command: str, log: Path, **environment: str) -> AsyncIterator[Process]:
    """A process of an installation; its log is a file."""
    with log.open("wb") as file:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", f"from emprops.cli.main import app; app(['{command}'])"),
            env={**os.environ, **environment},
            cwd=ROOT,
            stdout=file,
            stderr=file,
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()


class Installation:
    """An api and a worker that trace, log as JSON, and serve metrics."""

    def __init__(self, port: int, metrics_port: int, folder: Path, api: Process, worker: Process) -> None:
        self.metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        self.folder, self.api, self.worker = folder, api, worker
        self.http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)
        self.user = as_user(new_id())

    async def up(self) -> None:
        """Wait for the api."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    if (await self.http.get("/ready")).status_code == 200:
                        return
                except httpx2.TransportError:
                    await asyncio.sleep(0.1)  # there is nothing to wait on in a process that is not there yet

    async def generate(self, collection: str, variables: dict[str, Any], **headers: str) -> str:
        path = f"/api/collections/{collection}/generate"
        response = await self.http.post(path, json={"variables": variables}, headers={**self.user, **headers})
        assert response.status_code == 200, response.text
        return str(response.json()["data"]["jobId"])

    async def finished(self, job_id: str) -> dict[str, Any]:
        """Wait, on the stream, for the job's end."""
        last: dict[str, Any] = {}
        async with self.http.stream("GET", f"/api/jobs/{job_id}/stream", headers=self.user, timeout=60) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    last = json.loads(line[6:])
        return last

    def lines(self, name: str) -> list[dict[str, Any]]:
        """What a process logged."""
        return [json.loads(line) for line in (self.folder / f"{name}.log").read_text().splitlines()]


@asynccontextmanager
async def installation(settings: Settings, folder: Path, traces: str) -> AsyncIterator[Installation]:
    port, metrics_port = free_port(), free_port()
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "PORT": str(port),
        "EMPROPS_DATA_DIR": str(folder),
        "EMPROPS_LOG_JSON": "1",
        "EMPROPS_WORKER_CONNECTORS": "local_engine",
        "EMPROPS_WORKER_METRICS_PORT": str(metrics_port),
        "EMPROPS_STREAM_POLL": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": traces,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    async with (
        process("api", folder / "api.log", **environment) as api,
        process("worker", folder / "worker.log", **environment) as worker,
    ):
        found = Installation(port, metrics_port, folder, api, worker)
        async with found.http:
            await found.up()
            yield found


@pytest.fixture
async def seeded(database: Database) -> None:
    await samples.seed(database)


def only(spans: list[Span], name: str, **attributes: Any) -> Span:
    [found] = [s for s in spans if s.name == name and attributes.items() <= s.attributes.items()]
    return found


def check_step(spans: list[Span], step_id: str, start: Span) -> None:
    """From the ticket to the record of the result: every part below the one it belongs to."""
    enqueue = only(spans, "enqueue", **{"emprops.step_id": step_id})
    run = only(spans, "step.run", **{"emprops.step_id": step_id})
    assert (enqueue.parent, run.parent) == (start.id, enqueue.id)
    assert (enqueue.service, run.service) == ("emprops-api", "emprops-worker")
    assert run.attributes["emprops.attempt"] == 1
    below = {span.name: span for span in spans if span.parent == run.id}
    assert below.keys() == {"connector.run", "file.store", "report", "orchestrator.apply"}
    assert below["connector.run"].attributes["emprops.connector"] == "local_engine"
    assert below["file.store"].attributes["emprops.key"].startswith("generations/")
    assert run.seconds >= below["connector.run"].seconds > 0
    assert below["orchestrator.apply"].service == "emprops-api"


async def test_traces(settings: Settings, seeded: None, tmp_path: Path, database: Database) -> None:
    with collecting() as collector:
        async with installation(settings, tmp_path, collector.url) as system:
            await check_that_a_job_is_one_trace(system, collector, database)
            await check_worker_metrics(system)
            await check_that_a_retry_points_to_the_trace_before(system, collector)
            await check_that_a_silent_collector_stops_nothing(system, collector)
        assert not any("secret" in str(span) for span in collector.spans)
        assert "secret" not in "".join((tmp_path / f"{name}.log").read_text() for name in ("api", "worker"))


async def check_that_a_job_is_one_trace(system: Installation, collector: Collector, database: Database) -> None:
    """From the request to the stored file, below the span that the caller names."""
    sent = {"traceparent": f"00-{CALLER}-b7ad6b7169203331-01"}
    job_id = await system.generate("art-2x", {"prompt": "secret words", "seed": 3}, **sent)
    job = await system.finished(job_id)
    assert job["status"] == "completed", job
    async with database.reader() as reader:
        steps = await reader.fetch_values("SELECT id::text FROM step WHERE job_id = %s ORDER BY step_order", (job_id,))

    # request, start, job's end; for each step enqueue, run, four below it, and the wait unless that was nothing
    def enough(spans: list[Span]) -> bool:
        return sum(span.trace == CALLER and span.name != "queue.wait" for span in spans) == 3 + 6 * len(steps)

    spans = [span for span in await asyncio.to_thread(collector.until, enough) if span.trace == CALLER]
    request = only(spans, "POST /collections/{collection_id}/generate")
    start = only(spans, "generation.start")
    assert (request.parent, start.parent) == ("b7ad6b7169203331", request.id)
    assert request.attributes["http.response.status_code"] == 200
    for step_id in steps:
        check_step(spans, step_id, start)
    end = only(spans, "job.end")
    last = only(spans, "orchestrator.apply", **{"emprops.step_id": steps[-1]})
    assert (end.parent, end.attributes["emprops.status"]) == (last.id, "completed")
    [said] = [line for line in system.lines("api") if line.get("path") == "/api/collections/art-2x/generate"]
    assert (said["job_id"], said["trace_id"]) == (job_id, CALLER)
    assert said["request_id"]


async def check_that_a_retry_points_to_the_trace_before(system: Installation, collector: Collector) -> None:
    missing = {"image": f"http://localhost:{system.http.base_url.port}/files/nothing.png"}
    job_id = await system.generate("image-to-video", missing)
    assert (await system.finished(job_id))["status"] == "failed"
    response = await system.http.post(f"/api/jobs/{job_id}/retry", headers=system.user)
    assert response.status_code == 200, response.text
    assert (await system.finished(job_id))["status"] == "failed"

    def of_job(spans: list[Span], name: str) -> list[Span]:
        return [span for span in spans if span.name == name and span.attributes["emprops.job_id"] == job_id]

    def enough(spans: list[Span]) -> bool:  # they come from two processes
        counts = {"step.run": 2, "generation.start": 1, "generation.retry": 1}
        return all(len(of_job(spans, name)) == count for name, count in counts.items())

    spans = await asyncio.to_thread(collector.until, enough)
    first, second = of_job(spans, "step.run")
    [start], [retry] = of_job(spans, "generation.start"), of_job(spans, "generation.retry")
    assert first.failed == second.failed == "bad_input"
    assert (first.trace, second.trace) == (start.trace, retry.trace)
    assert retry.links == (start.trace,)
    assert retry.trace != start.trace
    worker = system.lines("worker")
    [ready] = [number for number, line in enumerate(worker) if line["event"] == "worker ready"]
    assert len({line["worker_id"] for line in worker[ready:]}) == 1
    failed = [line for line in worker if line["event"] == "step failed"]
    assert [line["job_id"] for line in failed] == [job_id, job_id]
    assert [line["step_id"] for line in failed] == [run.attributes["emprops.step_id"] for run in (first, second)]
    assert [line["trace_id"] for line in failed] == [first.trace, second.trace]


async def check_that_a_silent_collector_stops_nothing(system: Installation, collector: Collector) -> None:
    """Neither work nor the end of a process."""
    collector.answers.clear()
    job = await system.finished(await system.generate("art", {"prompt": "x"}))
    assert job["status"] == "completed"
    for child in (system.worker, system.api):
        child.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        await system.worker.wait()
        await system.api.wait()
    assert system.worker.returncode == 0


async def check_worker_metrics(system: Installation) -> None:
    response = await system.http.get(system.metrics_url)
    found = {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }
    assert found["emprops_worker_steps_total", frozenset({"completed"})] == 2
    labels = frozenset({"local_image", "local_engine", "completed"})
    assert found["emprops_worker_run_seconds_count", labels] == 1
    assert found["emprops_worker_slots", frozenset()] == 1
