"""The worker as a process: killed in the middle of a step, started and stopped as it should be."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.queue.helpers import PREFIX, lapse, make_ticket
from tests.worker.rig import PATIENCE, ReportLog, Rig, nothing

from emprops.queue.claims import Queue
from emprops.queue.registry import Fleet
from emprops.settings import Settings

ROOT = Path(__file__).parents[2]
VICTIM = str(Path(__file__).with_name("victim.py"))
MAIN = """
import asyncio
from emprops.settings import Settings
from emprops.worker.main import main
asyncio.run(main(Settings()))
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
        child.send_signal(signal.SIGSTOP)
        await lapse(client, "s")
        assert (await queue.reclaim()).offered == 1
        async with rig.working():
            completed = await log.until("s", "completed")
        child.send_signal(signal.SIGCONT)
        while await child.stdout.readline() != b"stopped\n":
            pass
    assert (completed.attempt, completed.worker_id) == (2, "worker-1")
    assert await log.kinds("s") == ["started", "lost", "started", "completed"]


async def test_the_process_works_until_it_is_told_to_stop(
    queue: Queue, log: ReportLog, settings: Settings, tmp_path: Path, client: Any
) -> None:
    fleet = Fleet(client, PREFIX)
    environment = {
        "EMPROPS_MODE": "test",
        "EMPROPS_REDIS_URL": settings.redis_url,
        "EMPROPS_DATA_DIR": str(tmp_path),
        "EMPROPS_WORKER_CONNECTORS": "noop",
        "DATABASE_URL": "",
    }
    await queue.enqueue([make_ticket("s", payload={"text": "done"}), make_ticket("t", at=1)])
    async with process("-c", MAIN, **environment) as child, asyncio.timeout(PATIENCE):
        completed = await log.until("s", "completed")
        await log.until("t", "completed")
        child.send_signal(signal.SIGTERM)
        assert await child.wait() == 0
    assert completed.finished is not None
    assert completed.finished.data["text"] == "done"
    assert (tmp_path / "files" / completed.finished.files[0].key).read_bytes() == b"done"
    assert await fleet.workers() == []
