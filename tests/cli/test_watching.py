"""Following a job: it is asked why it waits while it does, and left alone while it runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from tests.apps import served
from tests.cli.terminal import in_terminal
from typer.testing import CliRunner, Result

from emprops.cli import watching
from emprops.cli.main import app

JOB = "0192f0c8-0000-7000-8000-00000000000a"
PLACE = {"position": 3, "blocked_by": [], "retry_at": None}
DONE = {
    "id": JOB, "status": "completed", "progress": 100, "workflow_output": "http://localhost/a.png", "data": {},
    "error_message": None,
}  # fmt: skip
QUICK = 0.01


@dataclass
class Api:
    """Tells of one job what the test has it tell, and counts who asks."""

    place: Any = None
    status: str = "pending"
    events: asyncio.Queue[tuple[str, Any] | None] = field(default_factory=asyncio.Queue)
    """What the stream tells; None breaks it off."""
    asked: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    opened: int = 0

    async def start(self, _request: Request) -> JSONResponse:
        return JSONResponse({"data": {"jobId": JOB}, "error": None})

    async def show(self, _request: Request) -> JSONResponse:
        self.asked.put_nowait(None)
        return JSONResponse({"data": {"id": JOB, "status": self.status, "queue": self.place}, "error": None})

    async def stream(self, _request: Request) -> StreamingResponse:
        self.opened += 1
        return StreamingResponse(self._tell(), media_type="text/event-stream")

    async def _tell(self) -> AsyncIterator[str]:
        yield ": hello\n\n"
        while (event := await self.events.get()) is not None:
            yield f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n"

    def tell(self, message: str, status: str = "processing") -> None:
        self.status = status
        self.events.put_nowait(("job_history", {"message": message}))

    def end(self) -> None:
        self.events.put_nowait(("job_update", DONE))

    async def is_asked(self) -> None:
        """Wait until somebody asks anew."""
        while not self.asked.empty():
            self.asked.get_nowait()
        await asyncio.wait_for(self.asked.get(), 20)

    async def is_left_alone(self) -> None:
        """Wait until nobody asks for many times as long as it takes to ask again."""
        for _ in range(20):
            try:
                await asyncio.wait_for(self.asked.get(), 50 * QUICK)
            except TimeoutError:
                return
        pytest.fail("it asks again and again")


@asynccontextmanager
async def reached(api: Api, folder: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of a command that calls this api."""
    routes = [
        Route("/api/collections/art/generate", api.start, methods=["POST"]),
        Route(f"/api/jobs/{JOB}", api.show),
        Route(f"/api/jobs/{JOB}/stream", api.stream),
    ]
    async with served(Starlette(routes=routes)) as http:  # type: ignore[arg-type]
        yield {"EMPROPS_URL": str(http.base_url), "EMPROPS_USER_ID": "anna", "EMPROPS_DATA_DIR": str(folder)}


@asynccontextmanager
async def generating(api: Api, folder: Path, *arguments: str) -> AsyncIterator[asyncio.Task[Result]]:
    """``emprops generate art`` while the block runs."""
    async with reached(api, folder) as env:
        command = asyncio.to_thread(CliRunner().invoke, app, ["generate", "art", *arguments], env=env)
        task = asyncio.create_task(command)
        yield task
        api.end()
        await task


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(watching, "LOOK_AFTER", QUICK)
    monkeypatch.setattr(watching, "PAUSE", QUICK)
    return Api()


async def test_it_says_why_it_waits_as_often_as_that_changes(api: Api, tmp_path: Path) -> None:
    api.place = PLACE
    async with generating(api, tmp_path) as command:
        await api.is_asked()
        await api.is_asked()
        api.place = PLACE | {"position": 1}
        await api.is_asked()
        await api.is_asked()
        api.place = PLACE | {"blocked_by": ["model sdxl\x1b[1m"]}
        await api.is_asked()
        await api.is_asked()
        api.status, api.place = "processing", PLACE | {"position": None, "retry_at": "2001-01-10T06:12:13Z"}
        await api.is_asked()
        await api.is_asked()
    result = command.result()
    assert (result.exit_code, result.stdout) == (0, "http://localhost/a.png\n")
    assert [line.partition(" waits: ")[2] for line in result.stderr.splitlines()] == [
        "place 3 in the queue",
        "place 1 in the queue",
        "no live worker can run it: model sdxl [1m",
        f"failed, and is tried again at {watching.at(watching.parsed('2001-01-10T06:12:13Z'))}",
    ]


async def test_a_job_that_runs_is_left_alone_until_something_happens(api: Api, tmp_path: Path) -> None:
    async with generating(api, tmp_path):
        await api.is_asked()  # pending, and not yet known to the queue
        await api.is_asked()
        api.tell("Node Paint started")
        await api.is_asked()
        await api.is_left_alone()
        api.place = PLACE
        api.tell("Node Paint failed and will be tried again")
        await api.is_asked()
        await api.is_asked()


async def test_a_stream_that_breaks_off_is_opened_again(api: Api, tmp_path: Path) -> None:
    async with generating(api, tmp_path, "--quiet") as command:
        for _ in range(2 * watching.ATTEMPTS):  # more often than in vain
            api.tell("Node Paint started")
            api.events.put_nowait(None)
    assert command.result().stdout == "http://localhost/a.png\n"
    assert api.opened == 2 * watching.ATTEMPTS + 1


async def test_a_stream_that_stays_away_is_given_up_and_the_job_named(api: Api, tmp_path: Path) -> None:
    async with generating(api, tmp_path) as command:
        for _ in range(watching.ATTEMPTS):
            api.events.put_nowait(None)
        result = await command
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"the job goes on: `emprops jobs show {JOB}` shows it" in result.stderr


async def test_a_terminal_shows_a_bar_and_long_reasons_in_full(api: Api, tmp_path: Path) -> None:
    api.place = PLACE | {"blocked_by": ["job type openai_chat", "a model with [/odd] brackets in its name"]}
    api.events.put_nowait(("history_init", [{"message": "Job created"}, {"message": "Node [/Paint] started"}]))
    api.events.put_nowait(("job_update", {"status": "pending", "progress": 41}))
    async with reached(api, tmp_path) as env:
        shown = asyncio.create_task(
            asyncio.to_thread(in_terminal, "generate", "art", env=env, columns=100, stderr_too=True)
        )
        await api.is_asked()
        await api.is_asked()
        api.end()
        lines = await shown
    text = "\n".join(lines)
    assert "Node [/Paint] started" in text
    assert " 41% 0:00:0" in text
    assert "no live worker can run it: job type openai_chat, a model with [/odd] brackets in its name" in text
    assert lines[-1].endswith("http://localhost/a.png")


async def test_the_job_as_json(api: Api, tmp_path: Path) -> None:
    async with generating(api, tmp_path, "--json") as command:
        api.tell("Node Paint started")
    assert json.loads(command.result().stdout) == DONE
