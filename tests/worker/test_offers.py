"""What a worker offers follows what its services have: a real queue and loop, and a ComfyUI that changes."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
import redis
from PIL import Image
from structlog.testing import capture_logs
from tests.apps import served
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.comfyui_rules import CLASSES
from tests.fakes.http_api import Reply
from tests.queue.helpers import PREFIX, make_ticket
from tests.worker.rig import ReportLog, Rig

from emprops.connectors.base import Capabilities, Health, RetryableError
from emprops.connectors.comfyui.connector import ComfyUI, Patience
from emprops.connectors.noop import NoopConnector
from emprops.queue.claims import Queue
from emprops.queue.matching import Offer
from emprops.queue.registry import Fleet, FleetMember, WorkerInfo
from emprops.settings import Settings
from emprops.worker.lanes import Lanes
from emprops.worker.offers import Survey, keep_showing, keep_surveying, survey

GRAPH = {"1": {"class_type": "KSampler", "inputs": {"steps": 2}}, "9": {"class_type": "SaveImage", "inputs": {}}}


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    return buffer.getvalue()


class Service(NoopConnector):
    """A connector that answers as told, for two job types; counts how often it was asked."""

    name: ClassVar[str] = "service"

    def __init__(self) -> None:
        self.job_types = frozenset({"a", "b"})
        self.answer: Capabilities | Exception = Capabilities(models=("m",))
        self.asked = 0

    async def check(self) -> Health:
        return Health(ok=True)

    async def capabilities(self) -> Capabilities:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    """Takes the place of waiting: a survey begins when the test says so."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self._go = asyncio.Event()

    async def pause(self, _: float) -> None:
        self.waiting.set()
        await self._go.wait()
        self._go.clear()

    async def tick(self) -> None:
        """Let one survey happen, from its beginning to its end."""
        await self.waiting.wait()
        self.waiting.clear()
        self._go.set()
        await self.waiting.wait()


@asynccontextmanager
async def surveying(connectors: Any, known: Survey, tell: Callable[[Survey], None]) -> AsyncIterator[Clock]:
    clock = Clock()
    task = asyncio.create_task(keep_surveying(connectors, known, tell, clock.pause))
    try:
        yield clock
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_service_that_is_away_offers_nothing_and_the_others_go_on() -> None:
    service, other = Service(), NoopConnector()
    connectors = {"a": service, "b": service, "noop": other}
    first = await survey(connectors)
    assert set(first.offers) == {"a", "b", "noop"}
    assert first.offers["a"].models == {"m"}
    assert service.asked == 1
    service.answer = RetryableError("It is away.")
    second = await survey(connectors)
    assert set(second.offers) == {"noop"}
    assert second.health == {"service": "It is away.", "noop": "ok"}


async def test_only_changes_are_told_and_a_broken_connector_changes_nothing() -> None:
    service = Service()
    connectors = {"a": service}
    told: list[Survey] = []
    async with surveying(connectors, await survey(connectors), told.append) as clock:
        await clock.tick()
        assert told == []
        service.answer = ValueError("a mistake of the connector's")
        await clock.tick()
        assert told == []
        service.answer = Capabilities(models=("m", "n"))
        await clock.tick()
        assert [found.offers["a"] for found in told] == [Offer(models=frozenset({"m", "n"}))]


@pytest.fixture
async def comfy() -> AsyncIterator[FakeComfyUI]:
    fake = FakeComfyUI(pictures={".png": picture()})
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        await fake.restart()


async def test_a_step_waits_for_its_model_says_so_and_runs_once_a_machine_has_it(
    queue: Queue, make_rig: Callable[..., Rig], log: ReportLog, settings: Settings, client: Any, comfy: FakeComfyUI
) -> None:
    connectors = {"comfyui": ComfyUI(Settings(comfyui_url=comfy.base), patience=Patience(offers=0.0))}
    comfy.replies["/object_info"] = [Reply(502)]
    known = await survey(connectors)
    rig = make_rig()
    rig.loop.connectors, rig.loop.lanes = connectors, Lanes(known.offers)
    blocking = redis.Redis.from_url(settings.redis_url)
    member, fleet = FleetMember(blocking, PREFIX), Fleet(client, PREFIX)

    def tell(found: Survey) -> None:
        member.announce(WorkerInfo(rig.name, "machine", "idle", found.offers, 1))
        rig.loop.offer(found.offers)

    async def lacking() -> list[str]:
        place = await fleet.place("wants-cat")
        assert place is not None
        return list(place["blocked_by"])

    tell(known)
    payload = {"workflow": GRAPH}
    wants = make_ticket("wants-cat", job_type="comfyui", payload=payload, models=["cat.safetensors"])
    later = make_ticket("later", job_type="comfyui", payload=payload, custom_nodes=["KSampler"], at=1)
    await queue.enqueue([wants, later])
    async with surveying(connectors, known, tell) as clock, rig.working():
        assert await lacking() == ["job type comfyui"]
        await clock.tick()
        await log.until("later", "completed")
        assert await lacking() == ["model cat.safetensors"]
        assert await log.kinds("wants-cat") == []
        more = {"input": {"required": {"lora_name": [["cat.safetensors"]]}}}
        comfy.classes = {**CLASSES, "LoraLoader": more}
        await clock.tick()
        completed = await log.until("wants-cat", "completed")
    assert completed.finished is not None
    assert [file.mime_type for file in completed.finished.files] == ["image/png"]
    await connectors["comfyui"].close()
    blocking.close()


async def test_what_graphs_can_be_made_of_is_shown_again_and_again() -> None:
    service = Service()
    service.answer = Capabilities(catalogue=b"packed")
    found = await survey({"a": service, "b": service})
    assert found.catalogues == {b"packed"}
    shown: list[bytes] = []
    rounds = 0

    async def show(packed: bytes) -> None:
        shown.append(packed)
        if len(shown) == 1:
            raise redis.ConnectionError("away")

    async def pause(_: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise asyncio.CancelledError

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await keep_showing(lambda: found, show, pause)
    assert shown == [b"packed"] * 3
    assert "could not be shown" in str(logs)
