"""Jobs over WebSockets: the whole life of one, in order, for its subscribers and for monitors."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from tests.engines import Engines
from tests.live.scene import Message, Scene, Socket
from tests.orchestrator.rig import FAILED, picture
from tests.queue.helpers import RETRYABLE

from emprops.kit.ids import new_id
from emprops.kit.pubsub import poke
from emprops.queue.keys import JOBS_CHANGED

pytestmark = pytest.mark.timeout(60)


async def live_of_a_job(scene: Scene, job_id: UUID) -> None:
    """Two steps from beginning to end."""
    first = await scene.worker.claim_one()
    await scene.settle()
    await scene.progress(first, 30, "sampling 3/10")
    assert await scene.worker.finish(first, picture("a"))
    await scene.settle()
    await scene.run(picture("b"))


def about_steps(log: list[Message]) -> list[tuple[str, int]]:
    return [(m["type"], m["workflow_context"]["current_step"]) for m in log if "workflow_context" in m]


def job_states(log: list[Message]) -> list[str]:
    return [m["status"] for m in log if m["type"] == "job_status_changed" and "workflow_context" not in m]


async def test_a_subscriber_gets_the_whole_life_of_its_job(scene: Scene) -> None:
    job_id = await scene.start(steps=2)
    async with scene.page() as page:
        answer = await page.subscribe(job_id)
        assert answer["job"] == {
            k: v for k, v in (await scene.job(job_id)).items() if k not in ("price", "queue", "review")
        }
        assert [step["status"] for step in answer["steps"]] == ["pending", "pending"]
        page.log.clear()
        first = await scene.worker.claim_one()
        await scene.settle()
        assigned = await page.until("job_assigned")
        await scene.progress(first, 30, "sampling 3/10")
        progress = await page.until("update_job_progress")
        assert await scene.worker.finish(first, picture("a"))
        await scene.settle()
        await page.until("job_submitted")
        await scene.run(picture("b"))
        end = await page.until("job_status_changed", status="completed")
    assert assigned["workflow_context"]["workflow_id"] == str(job_id)
    assert (assigned["job_id"], assigned["worker_id"], assigned["attempt"]) == (first.ticket.id, "worker-1", 1)
    assert (progress["progress"], progress["workflow_progress"]) == (30, 15)
    assert (progress["message"], progress["machine_id"]) == ("sampling 3/10", "machine")
    assert about_steps(page.log) == [
        ("job_assigned", 1),
        ("update_job_progress", 1),
        ("complete_job", 1),
        ("job_submitted", 2),
        ("job_assigned", 2),
        ("complete_job", 2),
    ]
    done = next(m for m in page.log if m["type"] == "complete_job")
    assert done["result"]["success"] is True
    assert done["result"]["output_files"][0]["mime_type"] == "image/png"
    assert page.log[-1] == end
    shown = await scene.job(job_id)
    assert end["job"] | {"price": None, "queue": None, "review": None} == shown
    assert end["job_id"] == str(job_id)
    assert end["job"]["workflow_output"].endswith("b.png")


async def test_a_monitor_sees_jobs_of_everybody_from_their_submission(scene: Scene) -> None:
    async with scene.monitor() as desk, scene.page() as page:
        job_id = await scene.start(steps=2)
        submitted = await desk.until("job_submitted")
        await live_of_a_job(scene, job_id)
        end = await desk.until("job_status_changed", status="completed")
        assert await page.ask("ping", "heartbeat_ack")
    assert submitted["job_type"] == "noop"
    assert submitted["requirements"] == {"models": [], "custom_nodes": [], "connector_capabilities": {}}
    assert submitted["workflow_context"] | {"workflow_datetime": 0} == {
        "workflow_id": str(job_id),
        "workflow_priority": 50,
        "workflow_datetime": 0,
        "total_steps": 2,
        "current_step": 1,
    }
    kinds = [kind for kind, _ in about_steps(desk.log) if kind != "update_job_progress"]
    assert kinds == ["job_submitted", "job_assigned", "complete_job"] * 2
    assert job_states(desk.log)[-1] == "completed"
    assert "data" not in end["job"]
    assert page.kinds() == ["connection_established", "full_state_snapshot", "heartbeat_ack"]


async def test_progress_never_falls_and_nothing_follows_the_end(scene: Scene) -> None:
    job_id = await scene.start()
    async with scene.page() as page:
        await page.subscribe(job_id)
        first = await scene.worker.claim_one()
        await scene.settle()
        for percent in (10, 60, 40, 80):
            await scene.progress(first, percent)
        await page.until("update_job_progress", progress=80)
        assert await scene.worker.finish(first, RETRYABLE)
        await scene.settle()
        await page.until("job_status_changed", status="pending", job_id=first.ticket.id)
        assert (await scene.post(job_id, "cancel")).status_code == 200
        await scene.dispatcher.flush()
        await page.until("job_status_changed", status="failed")
        await poke(scene.redis, scene.settings.queue_prefix + JOBS_CHANGED, [str(job_id)])
        await page.ask("ping", "heartbeat_ack")
    progress = [m["progress"] for m in page.log if m["type"] == "update_job_progress"]
    assert progress == sorted(progress)
    assert 40 not in progress
    assert page.kinds()[-3:] == ["job_failed", "job_status_changed", "heartbeat_ack"]
    failed = page.log[-3]
    assert (failed["error"], failed["retry"]) == ("Cancelled", False)


async def test_a_retry_begins_anew(scene: Scene) -> None:
    job_id = await scene.start()
    await scene.run(FAILED)
    async with scene.page() as page:
        answer = await page.subscribe(job_id)
        assert (answer["job"]["status"], answer["job"]["error_message"]) == ("failed", "the model refused")
        page.log.clear()
        await scene.ok(job_id, "retry")
        await scene.dispatcher.flush()
        await page.until("job_submitted")
        await scene.run(picture())
        await page.until("job_status_changed", status="completed")
    assert job_states(page.log)[0] == "pending"
    assert job_states(page.log)[-1] == "completed"
    assert [kind for kind, _ in about_steps(page.log)] == ["job_submitted", "job_assigned", "complete_job"]


async def test_foreign_and_unknown_jobs_look_the_same_and_the_connection_stays(scene: Scene) -> None:
    job_id, unknown = await scene.start(), new_id()
    async with scene.page(new_id()) as page:
        for kind in ("subscribe_job", "subscribe", "request_job_status", "cancel_job"):
            answers = [await page.ask(kind, "error", job_id=one) for one in (job_id, unknown)]
            alike = [{k: v for k, v in one.items() if k not in ("job_id", "timestamp")} for one in answers]
            assert alike[0] == alike[1]
            assert (alike[0]["error"], alike[0]["code"]) == ("Job not found", "not_found")
            assert [one["job_id"] for one in answers] == [str(job_id), str(unknown)]
        await scene.run(picture())
        await page.ask("ping", "heartbeat_ack")
    assert not {"job_assigned", "complete_job", "job_status_changed"} & set(page.kinds())
    assert (await scene.job(job_id))["status"] == "completed"


async def test_only_subscribed_jobs_are_heard_of(scene: Scene) -> None:
    mine, another = await scene.start(), await scene.start()
    async with scene.page() as page:
        await page.subscribe(mine)
        await page.ask("unsubscribe_job", "job_unsubscribed", job_id=mine)
        await page.subscribe(another)
        await scene.run(picture("a"))
        await scene.run(picture("b"))
        await page.until("job_status_changed", status="completed", job_id=str(another))
    assert str(mine) not in {m["job_id"] for m in page.log if m["type"] == "job_status_changed"}


async def test_status_and_cancel_on_demand(scene: Scene) -> None:
    job_id = await scene.start()
    async with scene.page() as page:
        status = await page.ask("request_job_status", "job_status", job_id=job_id)
        assert (status["job"]["status"], status["steps"][0]["status"]) == ("pending", "pending")
        await page.ask("cancel_job", "job_cancelled", job_id=job_id)
        status = await page.ask("request_job_status", "job_status", job_id=job_id)
        assert (status["job"]["status"], status["job"]["error_message"]) == ("failed", "Cancelled")
        await scene.dispatcher.flush()
        assert await scene.worker.claim() == []
        done = await scene.start()
        await scene.run(picture())
        refused = await page.ask("cancel_job", "error", job_id=done)
    assert refused["error"] == "The job has completed already, so there is nothing left to cancel."


async def test_snapshot_tells_how_it_ended_while_nobody_listened(scene: Scene) -> None:
    job_id = await scene.start()
    async with scene.monitor() as desk, scene.page() as page:
        for socket in (desk, page):
            [job] = socket.log[-1]["jobs"]
            assert (job["id"], job["status"], job["steps"][0]["status"]) == (str(job_id), "pending", "pending")
    await scene.run(picture())
    async with scene.monitor() as desk, scene.page() as page:
        assert desk.log[-1]["jobs"] == []
        assert [(job["id"], job["status"]) for job in page.log[-1]["jobs"]] == [(str(job_id), "completed")]
        assert (page.log[-1]["workers"], page.log[-1]["machines"]) == ([], [])
    async with scene.page(new_id()) as stranger:
        assert stranger.log[-1]["jobs"] == []


async def test_a_change_without_a_poke_is_found_by_looking_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.live._jobs, "_poll", 0.1)
    job_id = await scene.start()
    async with scene.page() as page, scene.monitor() as desk:
        await page.subscribe(job_id)
        await scene.execute("UPDATE job SET status = 'processing', updated_at = now() WHERE id = %s", job_id)
        for socket in (page, desk):
            assert await socket.until("job_status_changed", status="processing", job_id=str(job_id))


async def test_redis_away_and_back_in_the_middle(
    scene: Scene, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emprops.kit.pubsub.LONGEST_PAUSE", 0.2)
    job_id = await scene.start()
    async with scene.page() as page, scene.monitor() as desk:
        await page.subscribe(job_id)
        engines.kill_redis()
        await scene.execute("UPDATE job SET status = 'processing', updated_at = now() WHERE id = %s", job_id)
        await page.ask("ping", "heartbeat_ack")
        engines.restart_redis()
        for socket in (page, desk):
            await socket.until("job_status_changed", status="processing", job_id=str(job_id))


async def test_postgresql_away_is_said_and_waited_for(scene: Scene, engines: Engines) -> None:
    job_id = await scene.start()
    async with scene.page() as page:
        await page.subscribe(job_id)
        with capture_logs() as logs:
            engines.kill_postgres()
            refused = await page.ask("cancel_job", "error", job_id=job_id)
            assert refused["code"] == "unavailable"
            refused = await page.ask("request_job_status", "error", job_id=job_id)
            assert refused["error"] == "The database is not available just now. Try again."
            engines.restart_postgres()
            found = await page.ask("request_job_status", "job_status", job_id=job_id)
        assert found["job"]["status"] == "pending"
    said = [line["event"] for line in logs]
    assert [said.count(event) for event in ("database away", "database back")] == [1, 1]


async def test_many_listeners_share_one_look(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look: Any = scene.live._jobs._look

    async def counted(*arguments: Any) -> Any:
        looks.append(1)
        return await look(*arguments)

    job_id = await scene.start()
    async with scene.page() as a, scene.page() as b, scene.page() as c, scene.monitor() as desk:
        sockets: list[Socket] = [a, b, c, desk]
        for socket in sockets:
            await socket.subscribe(job_id)
        monkeypatch.setattr(scene.live._jobs, "_look", counted)
        await scene.run(picture())
        ends = await asyncio.gather(*(one.until("job_status_changed", status="completed") for one in sockets))
    assert all(end == ends[0] for end in ends)
    assert len(looks) <= 4
