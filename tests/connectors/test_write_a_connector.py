"""The connector in ``docs/how-to/write-a-connector.md``, taken from the page and run through both suites."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.apps import served
from tests.connectors.contract import Bad, ConnectorContract, RecordingContext, Sample, make_ticket
from tests.connectors.faults import FaultContract, Step
from tests.fakes.faults import Faulty
from tests.fakes.pictures import PNG

from emprops.connectors import registry
from emprops.connectors.base import Connector, FinalError, RetryableError
from emprops.connectors.registry import load_connectors
from emprops.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-connector.md"
FOX = Sample("paintbox", {"prompt": "a fox"})


@dataclass
class FakePaintbox(Faulty):
    """The service of the page. ``base`` is set once it is served."""

    base: str = ""
    looks: int = 1
    """How often work is not done yet when it is asked for."""
    fails: bool = False
    looked_at: asyncio.Event = field(default_factory=asyncio.Event)
    works: dict[str, int] = field(default_factory=dict)
    withdrawn: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        routes = [
            ("/health", "GET", self.health),
            ("/jobs", "POST", self.begin),
            ("/jobs/{id}", "GET", self.look),
            ("/jobs/{id}", "DELETE", self.withdraw),
            ("/jobs/{id}/picture", "GET", self.picture),
        ]
        return Starlette(routes=[Route(path, self.wrap(handle), methods=[method]) for path, method, handle in routes])

    async def health(self, _: Request) -> Response:
        return JSONResponse({})

    async def begin(self, _: Request) -> Response:
        number = str(len(self.works) + 1)
        self.works[number] = 0
        return JSONResponse({"id": number})

    async def look(self, request: Request) -> Response:
        number = request.path_params["id"]
        self.works[number] += 1
        self.looked_at.set()
        if self.works[number] <= self.looks:
            return JSONResponse({"state": "running", "progress": 100 * self.works[number] / (self.looks + 1)})
        return JSONResponse({"state": "failed", "reason": "no paint"} if self.fails else {"state": "done"})

    async def withdraw(self, request: Request) -> Response:
        self.withdrawn.append(request.path_params["id"])
        return JSONResponse({})

    async def picture(self, _: Request) -> Response:
        return Response(PNG, media_type="image/png")


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """The page's code as a module."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    module = ModuleType("paintbox")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    sys.modules["paintbox"] = module
    yield module
    del sys.modules["paintbox"]


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakePaintbox]:
    fake = FakePaintbox()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        fake.heal()


@pytest.fixture
def fake(server: FakePaintbox, monkeypatch: pytest.MonkeyPatch) -> FakePaintbox:
    server.reset()
    monkeypatch.setenv("PAINTBOX_URL", server.base)
    return server


@pytest.fixture
async def painter(page: Any, fake: FakePaintbox, request: pytest.FixtureRequest) -> AsyncIterator[Connector]:
    assert fake.base
    name = request.node.name
    limit = 1024 * 1024 if "[gigantic]" in name else 1024**3
    made = page.Paintbox(Settings(max_result_bytes=limit), interval=0.0, idle=0.3 if "[slow]" in name else 30.0)
    yield made
    await made.close()


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, painter: Connector) -> Connector:
        return painter

    @pytest.fixture
    def samples(self) -> list[Sample]:
        return [FOX]

    @pytest.fixture
    def bad(self) -> list[Bad]:
        return [Bad("paintbox", {}, "prompt"), Bad("paintbox", {"prompt": " "}, "prompt")]

    @pytest.fixture
    def slow(self, fake: FakePaintbox) -> Sample:
        fake.looks = 20
        return FOX


class TestFaults(FaultContract):
    @pytest.fixture
    def connector(self, painter: Connector) -> Connector:
        return painter

    @pytest.fixture
    def service(self, fake: FakePaintbox) -> FakePaintbox:
        return fake

    @pytest.fixture
    def key(self) -> str:
        return "Paintbox has none"

    @pytest.fixture
    def steps(self) -> list[Step]:
        return [Step(FOX, "/jobs"), Step(FOX, "/jobs/"), Step(FOX, "/picture")]

    @pytest.fixture
    def large(self) -> Step:
        return Step(FOX, "/picture")


async def test_it_is_found_by_its_entry_point_once_it_is_configured(
    page: Any, fake: FakePaintbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("paintbox", "paintbox:Paintbox", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    assert 'paintbox = "paintbox:Paintbox"' in PAGE.read_text()
    [made] = load_connectors(Settings())
    assert isinstance(made, page.Paintbox)
    await made.close()
    monkeypatch.delenv("PAINTBOX_URL")
    assert load_connectors(Settings()) == []
    assert fake.works == {}


async def test_work_that_is_given_up_is_taken_back(painter: Connector, fake: FakePaintbox, tmp_path: Path) -> None:
    fake.looks = 1_000_000
    run = asyncio.create_task(painter.run(make_ticket("paintbox", FOX.payload), RecordingContext(tmp_path)))
    await fake.looked_at.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert fake.withdrawn == ["1"]
    fake.looks, fake.fails = 0, True
    with pytest.raises(FinalError, match="no paint"):
        await painter.run(make_ticket("paintbox", FOX.payload), RecordingContext(tmp_path))
    fake.looks = 100
    with pytest.raises(RetryableError):
        await painter.run(make_ticket("paintbox", FOX.payload), RecordingContext(tmp_path, stop_at=0.0))
    assert fake.withdrawn == ["1", "2", "3"]
