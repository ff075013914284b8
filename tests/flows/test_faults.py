"""What is killed, wiped or paused on the way only delays a job."""

import asyncio
import signal
from asyncio.subprocess import Process

import pytest
import redis.asyncio
from tests.flows.conftest import System, worker_process
from tests.processes import pause

from emprops.orchestrator.repair.rescue import send_unsent
from emprops.orchestrator.tickets import Dispatcher

SLOW = {"prompt": "a long night", "seed": 5}


async def strike(system: System, worker: Process, blow: signal.Signals, collection: str) -> str:
    """Send a worker a signal while it runs a step; gives the job. One that was quicker than the signal is let go."""
    for attempt in range(10):
        job_id = await system.generate(collection, SLOW | {"seed": attempt})
        await first_progress(system, job_id)
        await pause(worker)
        if await system.redis.zcard("emprops:leases"):
            worker.send_signal(blow)
            return job_id
        worker.send_signal(signal.SIGCONT)
    pytest.fail("the worker was always quicker")


async def first_progress(system: System, job_id: str) -> None:
    """Return once a worker has told progress of this job, and it is visible."""
    async for name, data in system.events(job_id):
        if name == "job_update" and data["progress"] > 0:
            return


async def test_a_worker_killed_in_mid_step_loses_nothing(system: System, slow_art: str) -> None:
    async with worker_process(system.settings) as first:
        job_id = await strike(system, first, signal.SIGKILL, slow_art)
        await first.wait()
    await system.expire_leases()
    async with worker_process(system.settings):
        job = await system.finished(job_id)
    assert job["status"] == "completed"
    messages = [row["message"] for row in await system.get(f"/api/jobs/{job_id}/history")]
    assert any("offered again" in message for message in messages)
    assert sum(message == "Generation completed" for message in messages) == 1


async def test_the_late_report_of_a_paused_worker_is_refused(system: System, slow_art: str) -> None:
    async with worker_process(system.settings) as paused:
        job_id = await strike(system, paused, signal.SIGSTOP, slow_art)
        await system.expire_leases()
        async with worker_process(system.settings):
            job = await system.finished(job_id)
            url = job["workflow_output"]
            paused.send_signal(signal.SIGCONT)
        assert "-2-" in url, "the result must be the second attempt's"
        await system.redis.zrange("emprops:leases", 0, -1)
    assert (await system.get(f"/api/jobs/{job_id}"))["workflow_output"] == url
    async with system.database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM flat_file WHERE job_id = %s", (job_id,)) == 1


async def test_redis_wiped_in_mid_job(system: System, slow_art: str) -> None:
    async with worker_process(system.settings):
        job_id = await system.generate(slow_art, SLOW)
        await first_progress(system, job_id)
        await system.redis.flushall()
        job = await system.finished(job_id)
    assert job["status"] == "completed"


async def test_an_api_that_died_between_commit_and_push(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dispatcher, "push", lambda *_: None)
    job_id = await system.generate("story")
    assert await system.redis.zcard("emprops:leases") == 0
    assert (await system.get(f"/api/jobs/{job_id}"))["status"] == "pending"
    monkeypatch.undo()
    sent = await send_unsent(system.app.state.dispatcher, older_than=0.0)
    assert sent <= 1  # upkeep inside the api may have been quicker
    async with worker_process(system.settings):
        assert (await system.finished(job_id))["status"] == "completed"


async def test_many_jobs_at_once_each_end_once(system: System, redis: redis.asyncio.Redis) -> None:
    async with worker_process(system.settings, EMPROPS_WORKER_CONCURRENCY="4"):
        jobs = await asyncio.gather(*(system.generate("story") for _ in range(20)))
        ended = await asyncio.gather(*(system.finished(job_id) for job_id in jobs))
    assert {job["status"] for job in ended} == {"completed"}
    assert len({job["workflow_output"] for job in ended}) == 20
    async with system.database.reader() as reader:
        counts = await reader.fetch_dicts(
            """
            SELECT (SELECT count(*) FROM output WHERE status = 'completed') AS outputs,
                   (SELECT count(*) FROM job_history WHERE status = 'completed') AS ends,
                   (SELECT output_count FROM deck) AS shown,
                   (SELECT count(*) FROM flat_file) AS files
            """
        )
    assert counts == [{"outputs": 20, "ends": 20, "shown": 20, "files": 20}]


async def test_a_step_cancelled_while_it_runs_is_stopped_and_can_be_retried(system: System, slow_art: str) -> None:
    async with worker_process(system.settings):
        job_id = await system.generate(slow_art, SLOW)
        await first_progress(system, job_id)
        cancelled = await system.post(f"/api/jobs/{job_id}/cancel", None)
        assert cancelled.json()["data"]["error_message"] == "Cancelled"
        assert (await system.finished(job_id))["status"] == "failed"
        # the worker has one slot: it can run this only once it has let go of the other
        assert (await system.finished(await system.generate("story")))["status"] == "completed"
        assert (await system.get(f"/api/jobs/{job_id}"))["error_message"] == "Cancelled"
        retried = await system.post(f"/api/jobs/{job_id}/retry", None)
        assert retried.json()["data"]["retryAttempt"] == 1
        job = await system.finished(job_id)
    assert (job["status"], job["retry_count"]) == ("completed", 1)
    output = await system.get(f"/api/jobs/{job_id}/output")
    assert output["workflow_output"] == job["workflow_output"]
    assert (await system.file(job["workflow_output"])).status_code == 200
