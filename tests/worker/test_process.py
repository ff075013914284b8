"""The worker as a process: killed in the middle of a step, started and stopped as it should be."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.apps import free_port
from tests.processes import pause
from tests.queue.helpers import PREFIX, lapse, make_ticket
from tests.worker.rig import PATIENCE, ReportLog, Rig, nothing

from emprops.kit.scratch import scratch_folder
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet
from emprops.settings import Settings

ROOT = Path(__file__).parents[2]
VICTIM = str(Path(__file__).with_name("victim.py"))
RUDE = str(Path(__file__).with_name("rude.py"))
MAIN = """
from emprops.settings import Settings
from emprops.worker.ending import run_process
from emprops.worker.main import main
run_process(main(Settings()))
"""


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process that sees this repository; killed at the end if it still runs."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_a_step_whose_worker_was_killed_is_completed_once_by_another(
    queue: Queue, make_rig: Callable[..., Rig], log: ReportLog, settings: Settings, tmp_path: Path, client: Any
) -> None:
    await queue.enqueue([make_ticket("s")])
    async with process(VICTIM, settings.redis_url, str(tmp_path)) as child, asyncio.timeout(PATIENCE):
        assert child.stdout is not None
        assert await child.stdout.readline() == b"s\n"
        await log.until("s", "progress")
        child.send_signal(signal.SIGKILL)
        assert await child.wait() == -signal.SIGKILL
    await lapse(client, "s")
    rig = make_rig(body=nothing)
    async with rig.working(), rig.beating():
        assert (await queue.reclaim()).offered == 1
        completed = await log.until("s", "completed")
    assert (completed.attempt, completed.worker_id) == (2, "worker-1")
    assert await log.kinds("s") == ["started", "lost", "started", "completed"]


async def test_a_worker_that_was_paused_too_long_stops_when_it_wakes_and_changes_nothing(
    queue: Queue, make_rig: Callable[..., Rig], log: ReportLog, settings: Settings, tmp_path: Path, client: Any
) -> None:
    await queue.enqueue([make_ticket("s")])
    rig = make_rig(body=nothing)
    async with process(VICTIM, settings.redis_url, str(tmp_path)) as child, asyncio.timeout(PATIENCE):
        assert child.stdout is not None
        assert await child.stdout.readline() == b"s\n"
        await pause(child)
        await lapse(client, "s")
        assert (await queue.reclaim()).offered == 1
        async with rig.working():
            completed = await log.until("s", "completed")
        child.send_signal(signal.SIGCONT)
        while await child.stdout.readline() != b"stopped\n":
            pass
    assert (completed.attempt, completed.worker_id) == (2, "worker-1")
    assert await log.kinds("s") == ["started", "lost", "started", "completed"]


def environment(settings: Settings, folder: Path, **more: str) -> dict[str, str]:
    """What a worker process is told."""
    (folder / "tmp").mkdir()
    return {
        "EMPROPS_MODE": "test",
        "EMPROPS_REDIS_URL": settings.redis_url,
        "EMPROPS_DATA_DIR": str(folder),
        "EMPROPS_WORKER_CONNECTORS": "noop",
        "DATABASE_URL": "",
        "TMPDIR": str(folder / "tmp"),
        **more,
    }


async def test_the_process_works_until_it_is_told_to_stop(
    queue: Queue, log: ReportLog, settings: Settings, tmp_path: Path, client: Any
) -> None:
    fleet = Fleet(client, PREFIX)
    await queue.enqueue([make_ticket("s", payload={"text": "done"}), make_ticket("t", at=1)])
    async with process("-c", MAIN, **environment(settings, tmp_path)) as child, asyncio.timeout(PATIENCE):
        completed = await log.until("s", "completed")
        await log.until("t", "completed")
        child.send_signal(signal.SIGTERM)
        assert await child.wait() == 0
    assert completed.finished is not None
    assert completed.finished.data["text"] == "done"
    assert (tmp_path / "files" / completed.finished.files[0].key).read_bytes() == b"done"
    assert await fleet.workers() == []


async def test_it_is_ready_when_storage_works_and_the_fleet_has_heard_of_it(
    queue: Queue, log: ReportLog, settings: Settings, tmp_path: Path, client: Any
) -> None:
    """Before that it claims nothing: a result that could not be stored would be lost."""
    await queue.enqueue([make_ticket("s")])
    files = tmp_path / "files"
    files.write_text("in the way")
    told = environment(settings, tmp_path, EMPROPS_LOG_JSON="true")
    async with process("-c", MAIN, **told) as child, asyncio.timeout(PATIENCE):
        waits = await line_with(child, "storage unusable")
        assert waits["error"].startswith("a file cannot be stored (")
        assert await Fleet(client, PREFIX).workers() == []
        assert await log.kinds("s") == []
        files.unlink()
        ready = await line_with(child, "worker ready")
        assert ready["job_types"] == ["noop"]
        [worker] = await Fleet(client, PREFIX).workers()
        assert worker.worker_id == ready["worker_id"]
        await log.until("s", "completed")
    assert list((files / "health").iterdir()) == []


async def line_with(child: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    """The next log line that says this."""
    assert child.stdout is not None
    async for raw in child.stdout:
        line = json.loads(raw)
        if line["event"] == event:
            return dict(line)
    raise AssertionError(f"the process ended without saying: {event}")


async def test_a_redis_that_may_drop_keys_is_warned_of(settings: Settings, tmp_path: Path, client: Any) -> None:
    await client.config_set("maxmemory-policy", "volatile-lru")
    try:
        told = environment(settings, tmp_path, EMPROPS_LOG_JSON="true")
        async with process("-c", MAIN, **told) as child, asyncio.timeout(PATIENCE):
            said = await line_with(child, "redis may evict the queue")
            assert (said["level"], said["policy"]) == ("warning", "volatile-lru")
    finally:
        await client.config_set("maxmemory-policy", "noeviction")


@asynccontextmanager
async def rude(settings: Settings, folder: Path, steps: int, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker with that many slots and a connector without manners, once all its steps have begun."""
    facts = {"EMPROPS_WORKER_CONNECTORS": "rude,unwell", "EMPROPS_WORKER_GRACE": "0.2", **more}
    told = environment(settings, folder, EMPROPS_WORKER_CONCURRENCY=str(steps), **facts)
    async with process(RUDE, **told) as child, asyncio.timeout(2 * PATIENCE):
        assert child.stdout is not None
        begun = 0
        while begun < steps:
            begun += (await child.stdout.readline()).startswith(b"step-")
        yield child


async def test_a_run_that_exits_fails_at_once_and_its_neighbours_go_on(
    queue: Queue, log: ReportLog, settings: Settings, tmp_path: Path
) -> None:
    hows = ["swallow", "exit", "exit in a task", "well"]
    await queue.enqueue([make_ticket(f"step-{n}", at=n, payload={"how": how}) for n, how in enumerate(hows)])
    async with rude(settings, tmp_path, 4) as child:
        for n in (1, 2):
            failed = (await log.until(f"step-{n}", "failed")).finished
            assert failed is not None
            assert failed.failure == "final"
            assert failed.error.startswith("The connector rude failed unexpectedly (SystemExit); the operator finds")
        await log.until("step-3", "completed")
        assert await log.kinds("step-0") == ["started"]
        child.send_signal(signal.SIGTERM)
        assert await child.wait() == 0
    assert await log.kinds("step-0") == ["started", "released"]


async def test_a_connector_that_is_out_of_order_is_shown_and_the_others_work(
    queue: Queue, settings: Settings, tmp_path: Path, client: Any
) -> None:
    await queue.enqueue([make_ticket("step-0", payload={"how": "swallow"})])
    port = free_port()
    async with (
        rude(settings, tmp_path, 1, EMPROPS_WORKER_METRICS_PORT=str(port)),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        connectors = {"rude": "ok", "unwell": "failed unexpectedly: SystemExit: out of order"}
        answer = await http.get("/ready")
        assert (answer.status_code, answer.json()["error"]) == (200, None)
        assert answer.json()["data"] == {"status": "ok", "parts": {"queue": "ok", **connectors}}
        metrics = (await http.get("/metrics")).text
        assert 'emprops_worker_connector_available{connector="unwell"} 0.0' in metrics
        (listed,) = await Fleet(client, PREFIX).workers()
        assert (listed.connectors, set(listed.offers)) == (connectors, {"noop"})


async def test_what_ignores_its_cancellation_does_not_keep_the_process_alive(
    queue: Queue, log: ReportLog, settings: Settings, tmp_path: Path
) -> None:
    """More threads are blocked than there are common ones: the last things to do must not need one of them."""
    hows = ["swallow"] * 2 + ["block a thread"] * 40
    await queue.enqueue([make_ticket(f"step-{n}", at=n, payload={"how": how}) for n, how in enumerate(hows)])
    async with rude(settings, tmp_path, len(hows)) as child:
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            assert await child.wait() == 0
    for n in range(len(hows)):
        assert await log.kinds(f"step-{n}") == ["started", "released"]
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_a_blocked_event_loop_does_not_keep_the_process_alive_nor_its_folders(
    queue: Queue, log: ReportLog, settings: Settings, tmp_path: Path
) -> None:
    await queue.enqueue([make_ticket("step-0", payload={"how": "block the event loop"})])
    folders = tmp_path / "tmp"
    async with rude(settings, tmp_path, 1) as child:
        (left,) = folders.iterdir()
        assert [path.read_text() for path in left.rglob("started")] == ["step-0"]
        child.send_signal(signal.SIGTERM)
        assert await child.wait() == 1
    assert await log.kinds("step-0") == ["started"]  # its lease will lapse
    assert list(folders.iterdir()) == [left]
    with scratch_folder("emprops-worker-", folders) as used:
        assert list(folders.iterdir()) == [used]
        with scratch_folder("emprops-worker-", folders) as other:
            assert set(folders.iterdir()) == {used, other}
    assert list(folders.iterdir()) == []
