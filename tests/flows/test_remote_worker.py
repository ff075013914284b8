"""Pictures made by a worker that has an address and a key, and nothing else: no Redis, no storage, no database."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx2
import pytest
from tests.apps import as_user, free_port
from tests.flows.conftest import System, command_process, worker_process
from tests.flows.test_faults import SLOW, first_progress, strike
from tests.gateway.rig import add_key, public
from tests.media.builders import picture

from emprops.auth.keys import make_key
from emprops.queue.fleet import Fleet
from emprops.settings import Settings


@pytest.fixture
async def key(system: System) -> str:
    return await add_key(system.database, "worker")


class Start:
    """Starts workers in an empty folder of their own."""

    def __init__(self, settings: Settings, url: str, folder: Path) -> None:
        self.settings, self.url, self.folder = settings, url, folder

    def __call__(self, url: str = "") -> AbstractAsyncContextManager[Process]:
        return worker_process(
            self.settings,
            REDIS_URL="",
            DATABASE_URL="",
            EMPROPS_DATA_DIR=str(self.folder / "nothing-here"),
            EMPROPS_SERVER=url or self.url,
            EMPROPS_WORKER_KEY_FILE=str(self.folder / "key"),
        )


@pytest.fixture
def remote_worker(system: System, key: str, tmp_path: Path) -> Start:
    (tmp_path / "key").write_text(key)
    return Start(system.settings, str(system.http.base_url), tmp_path)


async def test_a_picture_from_a_machine_that_is_not_trusted(system: System, key: str, remote_worker: Start) -> None:
    async with remote_worker():
        job_id = await system.generate("art", {"prompt": "a lighthouse", "seed": 3})
        job = await system.finished(job_id)
        assert job["status"] == "completed"
        picture = await system.file(job["workflow_output"])
        assert picture.content.startswith(b"\x89PNG")
        (worker,) = await Fleet(system.redis, system.settings.queue_prefix).workers()
        assert worker.worker_id.startswith(public(key) + ".")
        # its result is the next one's input, which it fetches from the server
        enlarged = await system.finished(await system.generate("upscale", {"image": job["workflow_output"]}))
        assert enlarged["status"] == "completed"
    assert await Fleet(system.redis, system.settings.queue_prefix).workers() == []
    assert not (remote_worker.folder / "nothing-here").exists()


async def test_an_upload_is_an_input_there_too(system: System, remote_worker: Start) -> None:
    sent = picture("PNG", (64, 32))
    reply = await system.http.post("/assets", content=sent, headers=as_user(system.user_id))
    async with remote_worker():
        enlarged = await system.finished(await system.generate("upscale", {"image": reply.json()["data"]["id"]}))
    assert enlarged["status"] == "completed", enlarged
    assert (await system.file(enlarged["workflow_output"])).content.startswith(b"\x89PNG")


async def test_a_wrong_key_ends_it_with_a_sentence(system: System) -> None:
    """And the option goes before what the environment says."""
    command = ["worker", "--server", str(system.http.base_url), "--key", make_key().text]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"from emprops.cli.main import app; app({command!r})"),
        env=os.environ | {"EMPROPS_SERVER": "https://elsewhere.test", "EMPROPS_WORKER_CONNECTORS": "noop"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert (process.returncode, said.decode()) == (
        1,
        "The server does not take this worker's key: The API key is not valid.\n",
    )


async def test_one_that_is_killed_in_mid_step_loses_nothing(
    system: System, slow_art: str, remote_worker: Start
) -> None:
    async with remote_worker() as first:
        job_id = await strike(system, first, signal.SIGKILL, slow_art)
        await first.wait()
    await system.expire_leases()
    async with remote_worker():
        job = await system.finished(job_id)
    assert job["status"] == "completed"
    messages = [row["message"] for row in await system.get(f"/api/jobs/{job_id}/history")]
    assert any("offered again" in message for message in messages)
    assert sum(message == "Generation completed" for message in messages) == 1


async def test_a_restart_of_its_api_in_mid_step_goes_unnoticed(
    system: System, slow_art: str, remote_worker: Start, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "api.log"
    settings = system.settings
    api = {
        "PORT": str(port),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "EMPROPS_DATA_DIR": str(settings.data_dir),
        "EMPROPS_PUBLIC_URL": settings.base_url,
        "EMPROPS_UPKEEP_IN_API": "false",
    }
    url = f"http://127.0.0.1:{port}"
    async with remote_worker(url):
        async with command_process("api", log=log, **api) as first:
            job_id = await system.generate(slow_art, SLOW)
            await first_progress(system, job_id)
            first.send_signal(signal.SIGTERM)
            await first.wait()
        assert "Finished server process" in log.read_text()
        assert "graceful shutdown exceeded" not in log.read_text(), "the worker's open call kept the api from stopping"
        with pytest.raises(httpx2.ConnectError):
            await system.http.get(f"{url}/health")
        async with command_process("api", **api):
            job = await system.finished(job_id)
    assert job["status"] == "completed"
    assert "-1-" in job["workflow_output"], "it must have been the first attempt"
