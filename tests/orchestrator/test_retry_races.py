"""Retries at the same time as others, and as a late success."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.orchestrator.rig import Rig, failed_job, picture

from emprops.jobs import change_store


async def test_an_idempotency_key_makes_it_one_retry(rig: Rig) -> None:
    job_id = await failed_job(rig)
    headers = {**as_user(rig.user_id), "Idempotency-Key": "again"}
    answers = [await rig.ok(job_id, "retry", **headers) for _ in range(2)]
    assert answers[0] == answers[1]
    assert (await rig.job(job_id))["retry_count"] == 1


async def test_three_callers_one_retry_left(rig: Rig) -> None:
    """The limit holds whoever asks at the same time."""
    job_id = await failed_job(rig)
    await rig.execute("UPDATE job SET retry_count = 2 WHERE id = %s", job_id)
    await rig.execute("UPDATE step SET retry_attempt = 2 WHERE job_id = %s", job_id)
    answers = await asyncio.gather(*(rig.post(job_id, "retry") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    refused = {answer.json()["error"] for answer in answers if answer.status_code == 400}
    assert refused == {"Job has reached maximum retry limit (3)"}
    assert (await rig.job(job_id))["retry_count"] == 3
    assert len(await rig.steps(job_id)) == 2


async def test_three_callers_one_retry(rig: Rig) -> None:
    job_id = await failed_job(rig)
    answers = await asyncio.gather(*(rig.post(job_id, "retry") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    assert (await rig.job(job_id))["retry_count"] == 1


async def stuck_job_with_a_finished_step(rig: Rig) -> tuple[UUID, list[Any]]:
    """A job that looks stuck, while the report of its success is already on its way."""
    job_id = await rig.start()
    claim = await rig.worker.claim_one()
    assert await rig.worker.finish(claim, picture("late"))
    await rig.age(job_id, 11)
    return job_id, await rig.orchestrator.stream.read(block=0.001)


async def test_a_retry_before_the_late_success(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """One order: the report waits at the job's lock while the retry commits, and then means nothing."""
    job_id, reports = await stuck_job_with_a_finished_step(rig)
    response, _ = await rig.race(
        rig.post(job_id, "retry"),
        change_store,
        "insert_next_steps",
        lambda: rig.orchestrator.process(reports),
        monkeypatch,
    )
    assert response.status_code == 200
    job = await rig.job(job_id)
    assert (job["status"], job["retry_count"]) == ("pending", 1)
    assert [step["status"] for step in await rig.steps(job_id)] == ["failed", "pending"]
    assert await rig.rows("SELECT FROM flat_file") == []


async def test_the_late_success_before_the_retry(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other order: the retry waits at the job's lock, and then learns that the job has completed."""
    job_id, reports = await stuck_job_with_a_finished_step(rig)
    _, response = await rig.race(
        rig.orchestrator.process(reports), rig.orchestrator, "_settle", lambda: rig.post(job_id, "retry"), monkeypatch
    )
    assert response.status_code == 400
    assert "has completed" in response.json()["error"]
    assert [step["status"] for step in await rig.steps(job_id)] == ["completed"]
