"""A job's changes become webhook events in the transaction that makes them (P9): each once, whoever makes it."""

from typing import Any
from uuid import UUID

import pytest
from tests.factories import make_webhook
from tests.orchestrator.rig import FAILED, Rig, picture

from emprops.kit.ids import new_id
from emprops.orchestrator.change import cancel as cancelling
from emprops.webhooks.events import DEFAULT

EVERYTHING = (*DEFAULT, "job.progress")
OUTSIDE = {"outputs": ["https://x.test/a.png"], "workflow_output": "https://x.test/a.png"}


async def listen(rig: Rig, owner: UUID | None, **options: Any) -> UUID:
    options = {"url": f"https://hooks.example.com/{new_id()}"} | options
    async with rig.database.transaction() as tx:
        return await make_webhook(tx, owner, **options)


async def told(rig: Rig, webhook: UUID, job_id: UUID | None = None) -> list[dict[str, Any]]:
    """The events that wait for an endpoint, in the order in which they happened."""
    return await rig.rows(
        """
        SELECT v.type, v.sequence, v.data, v.job_id FROM webhook_delivery d JOIN webhook_event v ON v.id = d.event_id
        WHERE d.endpoint_id = %s AND (%s::uuid IS NULL OR v.job_id = %s) ORDER BY v.sequence
        """,
        webhook,
        job_id,
        job_id,
    )


async def types(rig: Rig, webhook: UUID, job_id: UUID | None = None) -> list[str]:
    return [row["type"].removeprefix("job.") for row in await told(rig, webhook, job_id)]


async def test_a_success_is_told_with_its_result(rig: Rig) -> None:
    webhook = await listen(rig, rig.user_id)
    job_id = await rig.start(steps=2)
    claim = await rig.worker.claim_one()
    await rig.settle()
    assert await types(rig, webhook) == ["submitted", "started"]
    assert await rig.worker.finish(claim, picture("a"))
    await rig.settle()
    await rig.run(picture("b"))
    rows = await told(rig, webhook)
    assert [row["type"] for row in rows] == ["job.submitted", "job.started", "job.completed"]
    submitted, done = rows[0]["data"], rows[-1]["data"]
    job, outputs = await rig.job(job_id), await rig.outputs(job_id)
    assert {name: done[name] for name in ("job_id", "job_type", "job_status", "progress", "error")} == {
        "job_id": str(job_id),
        "job_type": "collection_generation",
        "job_status": "completed",
        "progress": 100,
        "error": None,
    }
    assert done["result"] == job["workflow_output"]
    assert done["outputs"] == job["data"]["outputs"]
    assert done["output_ids"] == [str(output["id"]) for output in outputs]
    assert (submitted["job_status"], submitted["result"], submitted["output_ids"]) == ("pending", None, None)
    assert rows[0]["job_id"] == job_id


async def test_failure_retry_and_cancellation(rig: Rig) -> None:
    webhook = await listen(rig, rig.user_id)
    job_id = await rig.start()
    await rig.run(FAILED)
    await rig.ok(job_id, "retry")
    await rig.ok(job_id, "cancel")
    await rig.ok(job_id, "cancel")
    rows = await told(rig, webhook)
    assert await types(rig, webhook) == ["submitted", "started", "failed", "retried", "cancelled"]
    assert rows[2]["data"]["error"] == FAILED.error
    assert (rows[3]["data"]["job_status"], rows[3]["data"]["retry_count"]) == ("pending", 1)
    assert rows[4]["data"]["error"] == "Cancelled"


async def test_what_services_report_is_told_once(rig: Rig) -> None:
    webhook = await listen(rig, rig.user_id)
    job_id = await rig.start()
    for _ in range(2):
        await rig.ok(job_id, "failed", {"error_message": "it broke"}, **rig.service)
    for _ in range(2):
        await rig.ok(job_id, "complete", OUTSIDE, **rig.service)
    assert await types(rig, webhook) == ["submitted", "failed", "completed"]
    assert (await told(rig, webhook))[-1]["data"]["outputs"] == OUTSIDE["outputs"]


async def test_a_retry_that_ends_at_once(rig: Rig) -> None:
    webhook = await listen(rig, rig.user_id)
    job_id = await rig.start(steps=2)
    await rig.run(picture("a"))
    await rig.run(FAILED)
    await rig.execute("UPDATE step SET status = 'completed', output_data = '{}' WHERE status = 'failed'")
    await rig.ok(job_id, "retry")
    assert (await types(rig, webhook))[-3:] == ["failed", "retried", "completed"]


async def test_a_cancellation_that_wins_is_the_only_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = await listen(rig, rig.user_id)
    job_id = await rig.start()
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    reports = await rig.orchestrator.stream.read(block=0.001)
    await rig.race(
        rig.ok(job_id, "cancel"), cancelling, "fail_job", lambda: rig.orchestrator.process(reports), monkeypatch
    )
    assert await types(rig, webhook) == ["submitted", "cancelled"]


async def test_an_end_that_wins_is_the_only_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = await listen(rig, rig.user_id)
    job_id = await rig.start()
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    reports = await rig.orchestrator.stream.read(block=0.001)
    await rig.race(
        rig.orchestrator.process(reports), rig.orchestrator, "_settle", lambda: rig.post(job_id, "cancel"), monkeypatch
    )
    await rig.orchestrator.process(reports)
    assert await types(rig, webhook) == ["submitted", "started", "completed"]


async def test_progress_only_if_asked_for_and_by_tenths(rig: Rig) -> None:
    webhook, quiet = await listen(rig, rig.user_id, events=EVERYTHING), await listen(rig, rig.user_id)
    job_id = await rig.start()
    await rig.worker.claim_one()
    await rig.settle()
    for progress in (4, 12, 14, 19.9, 35, 34, 35, 99, 100):
        await rig.execute(
            "UPDATE job SET status = 'processing', progress = greatest(progress, %s) WHERE id = %s", progress, job_id
        )
    rows = [row for row in await told(rig, webhook) if row["type"] == "job.progress"]
    assert [row["data"]["progress"] for row in rows] == [12, 35, 99]
    assert await types(rig, quiet) == ["submitted", "started"]


async def test_who_hears_of_which_job(rig: Rig) -> None:
    own, strange, service = await listen(rig, rig.user_id), await listen(rig, new_id()), await listen(rig, None)
    job_id = await rig.start()
    [row] = await rig.rows("SELECT collection_id FROM job WHERE id = %s", job_id)
    hears = {
        "own": own,
        "service": service,
        "this collection": await listen(rig, rig.user_id, collection_ids=[new_id(), row["collection_id"]]),
        "this type": await listen(rig, rig.user_id, job_types=["collection_generation"]),
    }
    deaf = {
        "strange": strange,
        "another collection": await listen(rig, rig.user_id, collection_ids=[new_id()]),
        "another type": await listen(rig, rig.user_id, job_types=["develop"]),
        "another event": await listen(rig, rig.user_id, events=("job.completed",)),
        "disabled": await listen(rig, rig.user_id),
    }
    await rig.execute(
        "UPDATE webhook_endpoint SET disabled_at = now(), disabled_reason = 'test' WHERE id = %s", deaf["disabled"]
    )
    await rig.ok(job_id, "cancel")
    for name, webhook in hears.items():
        assert (await types(rig, webhook))[-1:] == ["cancelled"], name
    for name, webhook in deaf.items():
        assert await types(rig, webhook) == [], name
    assert len(await rig.rows("SELECT FROM webhook_event WHERE type = 'job.cancelled'")) == 1


async def test_nothing_is_written_while_nobody_listens(rig: Rig) -> None:
    await listen(rig, new_id())
    job_id = await rig.start()
    await rig.run(picture())
    assert (await rig.job(job_id))["status"] == "completed"
    assert await rig.rows("SELECT FROM webhook_event") == []


async def test_a_body_stays_small(rig: Rig) -> None:
    webhook = await listen(rig, rig.user_id)
    job_id = await rig.start()
    await rig.ok(job_id, "failed", {"error_message": "é" * 9_000}, **rig.service)
    await rig.ok(job_id, "complete", OUTSIDE | {"outputs": ["é" * 6_000]}, **rig.service)
    failed, completed = (await told(rig, webhook))[-2:]
    assert failed["data"]["error"] == "é" * 2_000
    assert (completed["data"]["outputs"], completed["data"]["result"]) == (None, OUTSIDE["workflow_output"])


async def test_an_endpoint_that_is_being_deleted_holds_nobody_up(rig: Rig) -> None:
    webhook = await listen(rig, rig.user_id)
    job_id = await rig.start()
    async with rig.database.transaction() as tx:
        await tx.execute("DELETE FROM webhook_endpoint WHERE id = %s", (webhook,))
        await rig.ok(job_id, "cancel")
    assert await types(rig, webhook) == ["submitted", "cancelled"], "they wait for upkeep to remove them"
