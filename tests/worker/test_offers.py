"""What a worker offers follows what its services have: a real queue and loop, and a ComfyUI that changes."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis
from PIL import Image
from structlog.testing import capture_logs
from tests.apps import served
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.comfyui_rules import CLASSES
from tests.fakes.http_api import Reply
from tests.queue.helpers import PREFIX, make_ticket
from tests.worker.rig import PATIENCE, ReportLog, Rig
from tests.worker.service import Service

from emprops.connectors.base import Capabilities, Health, RetryableError
from emprops.connectors.comfyui.connector import ComfyUI, Patience
from emprops.connectors.noop import NoopConnector
from emprops.queue import bounds
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet, FleetMember, WorkerInfo
from emprops.queue.matching import Offer
from emprops.settings import Settings
from emprops.worker.ending import run_process
from emprops.worker.lanes import Lanes
from emprops.worker.offers import Survey, Surveyor, keep_showing

GRAPH = {
    "1": {"class_type": "KSampler", "inputs": {"steps": 2}},
    "9": {"class_type": "SaveImage", "inputs": {"samples": ["1", 0]}},
}


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    return buffer.getvalue()


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
async def surveying(surveyor: Surveyor, tell: Callable[[Survey], None]) -> AsyncIterator[Clock]:
    """Surveys of one connector."""
    clock = Clock()
    task = asyncio.create_task(surveyor.keep_asking(tell, clock.pause))
    try:
        yield clock
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def survey(connectors: Any) -> Survey:
    return await Surveyor(connectors).ask(PATIENCE)


async def test_a_service_that_is_away_offers_nothing_and_the_others_go_on() -> None:
    service, other = Service(), NoopConnector()
    surveyor = Surveyor({"a": service, "b": service, "noop": other})
    first = await surveyor.ask()
    assert set(first.offers) == {"a", "b", "noop"}
    assert first.offers["a"].models == {"m"}
    assert service.asked == 1
    service.answer = RetryableError("It is away.")
    second = await surveyor.ask()
    assert set(second.offers) == {"noop"}
    assert second.health == {"service": "It is away.", "noop": "ok"}


FAILURES = [
    (RetryableError("It is away."), "It is away."),
    (OSError(111, "Connection refused"), "ConnectionRefusedError: [Errno 111] Connection refused"),
    (AttributeError("'str' object has no attribute 'id'"), "failed unexpectedly: AttributeError: 'str' object"),
    (SystemExit(3), "failed unexpectedly: SystemExit: 3"),
    (KeyboardInterrupt(), "failed unexpectedly: KeyboardInterrupt"),
    (GeneratorExit(), "failed unexpectedly: GeneratorExit"),
    (asyncio.CancelledError("by itself"), "failed unexpectedly: CancelledError: by itself"),
    ("no answer of the kind", "failed unexpectedly: AttributeError"),
    (None, "did not answer within 0.05 seconds"),
]


@pytest.mark.parametrize(("failure", "reason"), FAILURES)
@pytest.mark.parametrize("question", ["health", "answer"])
async def test_whatever_happens_when_a_connector_is_asked_costs_its_own_job_types_only(
    question: str, failure: Any, reason: str
) -> None:
    service = Service()
    surveyor = Surveyor({"a": service, "b": service, "noop": NoopConnector()})
    good = getattr(service, question)
    setattr(service, question, failure)
    found = await surveyor.ask(0.05)
    assert set(found.offers) == {"noop"}
    assert found.health["service"].startswith(reason)
    setattr(service, question, good)
    found = await surveyor.ask(PATIENCE)
    assert set(found.offers) == {"a", "b", "noop"}
    assert found.health == {"service": "ok", "noop": "ok"}


async def test_a_connector_that_says_it_is_not_well_is_not_offered() -> None:
    service = Service()
    service.health = Health(ok=False, message="The key is not accepted.\x1b[31m\0" + "x" * 10_000)
    found = await survey({"a": service})
    assert found.offers == {}
    assert found.health["service"].startswith("The key is not accepted.[31m�xxx")
    assert len(found.health["service"]) == 200


async def test_one_that_ignores_its_cancellation_is_not_asked_again_before_it_has_answered() -> None:
    service = Service()
    service.answer, service.stubborn = None, True
    surveyor = Surveyor({"a": service})
    for _ in range(3):
        assert (await surveyor.ask(0.02)).offers == {}
    assert service.asked == 1
    service.answer = Capabilities()
    service.free.set()
    await asyncio.sleep(0)
    await surveyor.ask(PATIENCE)
    assert set((await surveyor.ask(PATIENCE)).offers) == {"a"}


async def test_a_task_of_a_connector_that_exits_is_its_own_failure() -> None:
    """Python lets a SystemExit in a task through to the event loop, which the process goes on with."""

    class Exits(Service):
        async def capabilities(self) -> Capabilities:
            async def leave() -> None:
                raise SystemExit(3)

            await asyncio.create_task(leave())
            return Capabilities()

    seen: list[Survey] = []

    async def main() -> None:
        seen.append(await survey({"a": Exits(), "noop": NoopConnector()}))

    await asyncio.to_thread(run_process, main())
    assert set(seen[0].offers) == {"noop"}
    assert seen[0].health["service"] == "failed unexpectedly: SystemExit: 3"


async def test_names_that_cannot_be_told_are_left_out_and_the_others_are_told() -> None:
    service = Service()
    odd = ("\ud800.safetensors", "a\0b", "x" * 501, 7, None)
    service.answer = Capabilities(
        models=("m", *odd), custom_nodes=("n", *odd), extra={"device": "cuda", "\0": "x", "y": "z" * 501}
    )
    with capture_logs() as logs:
        found = await survey({"a": service})
    assert found.offers["a"] == Offer(frozenset({"m"}), frozenset({"n"}), (("device", "cuda"),))
    (line,) = [line for line in logs if "left out" in line["event"]]
    assert (line["models"], line["nodes"], line["capabilities"]) == (5, 5, 2)
    service.answer = Capabilities(models=tuple(f"{n:06}.safetensors" for n in range(30_000)))
    assert len((await survey({"a": service})).offers["a"].models or ()) == bounds.MAX_NAMES


async def test_only_changes_are_told() -> None:
    service = Service()
    told: list[Survey] = []
    surveyor = Surveyor({"a": service})
    await surveyor.ask()
    async with surveying(surveyor, told.append) as clock:
        await clock.tick()
        assert told == []
        service.answer = ValueError("a mistake of the connector's")
        await clock.tick()
        await clock.tick()
        assert [found.offers for found in told] == [{}]
        service.answer = Capabilities(models=("m", "n"))
        await clock.tick()
        assert [found.offers for found in told[1:]] == [{"a": Offer(models=frozenset({"m", "n"}))}]


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
    surveyor = Surveyor(connectors)
    known = await surveyor.ask()
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
    async with surveying(surveyor, tell) as clock, rig.working():
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
    assert "not shown" in str(logs)
