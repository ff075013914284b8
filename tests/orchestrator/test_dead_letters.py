"""Dead letters: listed as the jobs stand, whatever Redis remembers, and offered again by the way of every retry."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.engines import Engines
from tests.orchestrator.rig import FAILED, Rig, picture
from tests.queue.helpers import RETRYABLE, become_due, lapse
from typer.testing import CliRunner, Result

from emprops.cli.main import app
from emprops.kit.ids import new_id


async def lose(rig: Rig, times: int = 3, price: float = 0) -> UUID:
    """Start a job whose workers vanish one after the other; gives its step."""
    job_id = await rig.start(price=price)
    for _ in range(times):
        claim = await rig.worker.claim_one()
        await lapse(rig.redis, claim.ticket.id)
        await rig.dispatcher.queue.reclaim()
    await rig.settle()
    assert (await rig.job(job_id))["status"] == "failed"
    return UUID(claim.ticket.id)


async def letters(rig: Rig) -> list[dict[str, Any]]:
    response = await rig.client.get("/api/dead-letters", headers=rig.service)
    assert response.status_code == 200, response.text
    return list(response.json()["data"])


async def offer(rig: Rig, step_id: UUID) -> tuple[int, Any]:
    response = await rig.client.post(f"/api/dead-letters/{step_id}/offer", headers=rig.service)
    body = response.json()
    return response.status_code, body["data"] or body["error"]


async def test_steps_that_used_up_their_limits_are_listed_with_their_counts(rig: Rig) -> None:
    lost = await lose(rig)
    job_id = await rig.start()
    for _ in range(4):
        claim = await rig.worker.claim_one()
        assert await rig.worker.finish(claim, RETRYABLE)
        if await rig.dispatcher.queue.ticket_states([claim.ticket.id]) == ["delayed"]:
            await become_due(rig.redis, claim.ticket.id)
    await rig.settle()
    refused = await rig.start()
    await rig.run(FAILED)  # failed for good at once: no limit was used up
    assert (await rig.job(refused))["status"] == "failed"
    failed, first = await letters(rig)
    assert (first["step_id"], first["reason"], first["losses"], first["failures"]) == (str(lost), "worker_lost", 3, 0)
    assert first["error_message"].startswith("worker_lost: ")
    assert (failed["job_id"], failed["reason"], failed["failures"]) == (str(job_id), "failures", 4)
    assert (failed["attempts"], failed["error_message"]) == (4, RETRYABLE.error)


async def test_the_list_needs_no_redis(rig: Rig) -> None:
    step_id = await lose(rig)
    await rig.redis.flushall()
    assert [letter["step_id"] for letter in await letters(rig)] == [str(step_id)]
    response = await rig.client.get(f"/api/dead-letters/{step_id}", headers=rig.service)
    detail = response.json()["data"]
    assert (detail["input_data"]["prompt"], detail["worker_id"]) == ("a quiet harbour", "worker-1")


async def test_one_that_is_offered_again_runs_and_is_listed_no_more(rig: Rig) -> None:
    step_id = await lose(rig)
    status, answer = await offer(rig, step_id)
    assert (status, answer["retryAttempt"], answer["message"]) == (200, 1, "Retry 1 of 3 started")
    assert await letters(rig) == []
    assert await offer(rig, step_id) == (409, "The job has been tried again since; look at its newest attempt.")
    await rig.dispatcher.flush()
    assert await rig.dispatcher.queue.ticket_states([str(step_id)]) == [None]
    await rig.run(picture())
    assert (await rig.job(UUID(answer["jobId"])))["status"] == "completed"
    assert await offer(rig, step_id) == (409, "The job has completed meanwhile; there is nothing to offer again.")
    detail = (await rig.client.get(f"/api/dead-letters/{step_id}", headers=rig.service)).json()["data"]
    assert (detail["open"], detail["reason"]) == (False, "worker_lost")


async def test_one_that_cannot_be_paid_says_what_is_missing(rig: Rig) -> None:
    step_id = await lose(rig, price=2)
    await rig.execute("UPDATE credit_account SET available = 500000 WHERE user_id = %s", rig.user_id)
    response = await rig.client.post(f"/api/dead-letters/{step_id}/offer", headers=rig.service)
    assert response.status_code == 402
    assert (response.json()["needed"], response.json()["available"]) == (2, 0.5)


async def test_an_operator_may_where_the_owner_may_no_more(rig: Rig) -> None:
    step_id = await lose(rig)
    [job] = await rig.rows("SELECT id FROM job")
    await rig.execute("UPDATE job SET max_retries = 0")
    assert await rig.refused(job["id"], "retry") == "Job has reached maximum retry limit (0)"
    status, answer = await offer(rig, step_id)
    assert (status, answer["message"]) == (200, "Retry 1 of 1 started")
    await rig.dispatcher.flush()
    await rig.run(FAILED)
    assert await rig.refused(job["id"], "retry") == "Job has reached maximum retry limit (1)"


async def test_what_cannot_be_offered_changes_nothing(rig: Rig) -> None:
    unknown = (404, "There is no dead letter of this step.")
    assert await offer(rig, new_id()) == unknown
    await rig.start()
    await rig.run(FAILED)
    [step] = await rig.rows("SELECT id FROM step")
    assert await offer(rig, step["id"]) == unknown
    step_id = await lose(rig)
    await rig.execute("UPDATE job SET job_type = 'import', max_retries = 0")
    status, sentence = await offer(rig, step_id)
    assert (status, sentence) == (400, "Only generations can be retried; this job is a import.")
    assert await rig.rows("SELECT max_retries FROM job WHERE max_retries > 0") == []
    response = await rig.client.post(f"/api/dead-letters/{step_id}/offer", headers=as_user(rig.user_id))
    assert response.status_code == 403


@pytest.fixture
def emprops(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("REDIS_URL", engines.redis_url)

    async def run(*arguments: object) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["dead-letters", *map(str, arguments)])

    return run


async def test_the_command_lists_shows_and_offers(rig: Rig, emprops: Any) -> None:
    assert (await emprops()).stderr == "No dead letters.\n"
    first, second = await lose(rig), await lose(rig)
    listed = await emprops()
    assert listed.exit_code == 0, listed.output
    assert all(text in listed.stdout for text in (str(first), str(second), "worker_lost", "noop"))
    assert [row["step_id"] for row in json.loads((await emprops("--json")).stdout)] == [str(second), str(first)]
    assert json.loads((await emprops("show", first, "--json")).stdout)["losses"] == 3
    shown = (await emprops("show", first)).stdout
    assert f"emprops dead-letters offer {first}" in shown
    unknown = new_id()
    offered = await emprops("offer", first, unknown)
    assert offered.exit_code == 1
    assert "Retry 1 of 3 started" in offered.stdout
    assert offered.stderr == f"{unknown}: There is no dead letter of this step.\n1 of 2 refused.\n"
    await rig.run(picture())  # the command has sent it
    assert len(json.loads((await emprops("--json")).stdout)) == 1
    missing = await emprops("show", unknown)
    assert missing.exit_code == 1
    assert missing.stderr == "There is no dead letter of this step: `emprops dead-letters` lists what there is.\n"
