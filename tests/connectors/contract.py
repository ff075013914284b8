"""What every connector must keep: subclass :class:`ConnectorContract` and fill in the fixtures.

The context is a double of the worker's: a real folder, and input files served from disk by their URL.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import puremagic
import pytest

from emprops.connectors.base import (
    BadInputError,
    Capabilities,
    Connector,
    ConnectorError,
    Health,
    Outcome,
    Produced,
)
from emprops.queue import bounds
from emprops.queue.messages import Ticket, WorkflowContext
from emprops.worker.offers import Surveyor
from emprops.worker.run import checked

MIME_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


def make_ticket(job_type: str, payload: Mapping[str, Any], *, job: str = "job-1", step: int = 1) -> Ticket:
    """A ticket as the queue would hand it over."""
    context = WorkflowContext(job, workflow_priority=50, workflow_datetime=0, total_steps=1, current_step=step)
    return Ticket(id=f"{job}-step-{step}", job_type=job_type, payload=dict(payload), workflow_context=context)


@dataclass
class RecordingContext:
    """A run context that writes down what it is told. ``started`` is set by the first progress."""

    folder: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    stop_at: float | None = None
    """Answer "cancelled" from the progress on that reaches this percentage."""
    seen: list[tuple[float, str]] = field(default_factory=list)
    fetched: list[tuple[str, int | None]] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    shows_previews: bool = True
    remembered: Mapping[str, Any] | None = None
    """What an earlier attempt remembered, and what this one did."""
    previews: list[tuple[bytes | str, str, str]] = field(default_factory=list)

    def preview(self, content: bytes | str, mime_type: str = "text/plain", node: str = "") -> None:
        self.previews.append((content, mime_type, node))

    def progress(self, percent: float, message: str = "") -> None:
        self.seen.append((percent, message))
        self.loop.call_soon_threadsafe(self.started.set)

    async def fetch(self, url: str, *, max_bytes: int | None = None) -> tuple[Path, str]:
        self.fetched.append((url, max_bytes))
        path = self.files.get(url)
        if path is None:
            raise BadInputError(f"{url} cannot be fetched.")
        return path, MIME_TYPES.get(path.suffix, "application/octet-stream")

    async def remember(self, work: Mapping[str, Any] | None) -> None:
        self.remembered = bounds.remembered(dict(work or {})) or None

    max_result_bytes: int = 1024**3

    def stop(self) -> None:
        return None

    def end(self) -> None:
        return None

    @property
    def cancelled(self) -> Callable[[], bool]:
        return lambda: self.stop_at is not None and bool(self.seen) and self.seen[-1][0] >= self.stop_at


@dataclass(frozen=True)
class Sample:
    """A run that must succeed."""

    job_type: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Bad:
    """A payload that must be refused with a sentence that contains ``names`` (the field, as a rule)."""

    job_type: str
    payload: Mapping[str, Any]
    names: str


def content_of(file: Produced) -> bytes:
    return file.content if isinstance(file.content, bytes) else file.content.read_bytes()


def check_file(file: Produced, folder: Path) -> None:
    """The file is there, is what it says, and is the worker's to take."""
    content = content_of(file)
    assert content
    assert "/" not in file.name
    assert "." in file.name
    if file.mime_type.startswith("text/"):
        content.decode("utf-8")
    else:
        assert file.mime_type in {match.mime_type for match in puremagic.magic_string(content)}
    if isinstance(file.content, Path):
        assert file.content.is_relative_to(folder)


class ConnectorContract:
    """The tests. Subclasses give the fixtures ``connector``, ``samples``, ``bad``, ``slow`` and may give ``inputs``."""

    @pytest.fixture
    def connector(self) -> Connector:
        raise NotImplementedError

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """At least one run per job type."""
        raise NotImplementedError

    @pytest.fixture
    def bad(self) -> list[Bad]:
        raise NotImplementedError

    @pytest.fixture
    def slow(self) -> Sample | None:
        """A run long enough to be cancelled; None where runs end at once."""
        return None

    @pytest.fixture
    def inputs(self) -> Mapping[str, Path]:
        return {}

    async def test_says_what_it_serves(self, connector: Connector, samples: list[Sample]) -> None:
        assert connector.name
        assert isinstance(connector.job_types, frozenset)
        assert {sample.job_type for sample in samples} == connector.job_types
        assert isinstance(await connector.capabilities(), Capabilities)
        health = await connector.check()
        assert isinstance(health, Health)
        assert health.ok
        found = await Surveyor(dict.fromkeys(connector.job_types, connector)).ask(30.0)
        assert (set(found.offers), dict(found.health)) == (connector.job_types, {connector.name: "ok"})

    async def test_gives_results_and_rising_progress(
        self, connector: Connector, samples: list[Sample], inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        for sample in samples:
            context = RecordingContext(tmp_path, inputs)
            outcome = await connector.run(make_ticket(sample.job_type, sample.payload), context)
            assert isinstance(outcome, Outcome)
            assert checked(outcome, connector.name).files  # by which the worker takes it
            assert orjson.loads(orjson.dumps(outcome.data)) == outcome.data
            for file in outcome.files:
                check_file(file, tmp_path)
            percents = [percent for percent, _ in context.seen]
            assert percents == sorted(percents)
            assert all(0 <= percent <= 100 for percent in percents)

    async def test_names_the_field_that_is_wrong(
        self, connector: Connector, bad: list[Bad], inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        for case in bad:
            with pytest.raises(BadInputError) as caught:
                await connector.run(make_ticket(case.job_type, case.payload), RecordingContext(tmp_path, inputs))
            assert case.names in caught.value.message, case
            assert len(caught.value.message) < 600

    async def test_refuses_a_foreign_job_type_or_does_not_serve_it(self, connector: Connector) -> None:
        assert "no_such_job_type" not in connector.job_types

    async def test_stops_when_its_coroutine_is_cancelled(
        self, connector: Connector, slow: Sample | None, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        if slow is None:
            return
        loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor(2)
        loop.set_default_executor(threads)
        context = RecordingContext(tmp_path, inputs)
        run = asyncio.create_task(connector.run(make_ticket(slow.job_type, slow.payload), context))
        await context.started.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        told = len(context.seen)
        threads.shutdown(wait=True)
        loop.set_default_executor(ThreadPoolExecutor())
        assert len(context.seen) == told, "a thread worked on although the run's folder may be gone"
        assert context.seen[-1][0] < 100

    async def test_stops_when_the_worker_says_so(
        self, connector: Connector, slow: Sample | None, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        if slow is None:
            return
        context = RecordingContext(tmp_path, inputs, stop_at=0.0)
        with pytest.raises((ConnectorError, asyncio.CancelledError)):
            await connector.run(make_ticket(slow.job_type, slow.payload), context)
        assert context.seen[-1][0] < 100

    async def test_leaves_the_event_loop_free(
        self, connector: Connector, slow: Sample | None, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        if slow is None:
            return
        context = RecordingContext(tmp_path, inputs)
        run = asyncio.create_task(connector.run(make_ticket(slow.job_type, slow.payload), context))
        turns = 0
        while not run.done():
            await asyncio.sleep(0)
            turns += 1
        await run
        assert turns > 50
