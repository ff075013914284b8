"""Workers and machines, as monitors hear of them."""

from dataclasses import replace

import pytest
import redis.asyncio
from tests.engines import Engines
from tests.live.scene import Scene
from tests.queue.helpers import ANYTHING, PREFIX

from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.keys import KEYS, worker_channel

pytestmark = pytest.mark.timeout(60)
IDLE = WorkerInfo("gpu-1/a", "gpu-1", "idle", ANYTHING, 1, started_at=1, connectors={"noop": "ok", "other": "away"})


async def test_workers_come_work_and_go(scene: Scene, member: FleetMember) -> None:
    member.announce(IDLE)
    async with scene.monitor() as desk:
        snapshot = desk.log[-1]
        assert [(one["worker_id"], one["status"]) for one in snapshot["workers"]] == [("gpu-1/a", "idle")]
        [machine] = snapshot["machines"]
        assert (machine["machine_id"], machine["workers"][0]["worker_id"]) == ("gpu-1", "gpu-1/a")
        assert [(one["service_id"], one["status"]) for one in machine["services"]] == [
            ("noop", "online"),
            ("other", "offline"),
        ]
        member.announce(replace(IDLE, status="busy", current=("step",)))
        changed = await desk.until("worker_status_changed")
        assert (changed["previous_status"], changed["status"]) == ("idle", "busy")
        assert (changed["current_job_id"], changed["machine_id"]) == ("step", "gpu-1")
        member.announce(replace(IDLE, worker_id="gpu-1/b"))
        connected = await desk.until("worker_connected", worker_id="gpu-1/b")
        assert connected["worker"]["offers"].keys() == {"noop"}
        both = await desk.until("machine_status_updated")
        assert [one["worker_id"] for one in both["workers"]] == ["gpu-1/a", "gpu-1/b"]
        member.announce_machine(IDLE, 5)
        assert (await desk.until("machine_status_updated"))["cumulative_stats"].keys() == {
            "total_jobs_completed",
            "total_jobs_failed",
            "uptime_ms",
        }
        for name in ("gpu-1/a", "gpu-1/b"):
            member.withdraw(replace(IDLE, worker_id=name))
        for name in ("gpu-1/a", "gpu-1/b"):
            assert (await desk.until("worker_disconnected", worker_id=name))["status"] == "offline"


async def test_a_worker_that_dies_silently_is_missed(
    scene: Scene, member: FleetMember, redis: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emprops.live.fleet.FULL_LOOK", 0.1)
    member.announce(IDLE)
    async with scene.monitor() as desk:
        await redis.delete(f"{PREFIX}{KEYS.worker}{IDLE.worker_id}")  # its 120 seconds are over
        await desk.until("worker_disconnected", worker_id=IDLE.worker_id)


async def test_what_anybody_publishes_is_not_believed(
    scene: Scene, member: FleetMember, redis: redis.asyncio.Redis
) -> None:
    async with scene.monitor() as desk:
        for channel in (
            worker_channel("of-another-installation"),
            "worker:status:",
            "machine:x:status",
            "job:progress:x",
        ):
            await redis.publish(channel, b'{"worker_id": "of-another-installation", "status"')
        await redis.publish(scene.settings.queue_prefix + "jobs:changed", b"nonsense \xff")
        member.announce(IDLE)
        await desk.until("worker_connected", worker_id=IDLE.worker_id)
        await desk.ask("resync_request", "full_state_snapshot")
    assert "of-another-installation" not in str(desk.log)


async def test_a_monitor_that_comes_while_redis_is_away_hears_the_rest_later(
    scene: Scene, engines: Engines, member: FleetMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emprops.live.hub.FLEET_PATIENCE", 0.1)
    monkeypatch.setattr("emprops.live.fleet.AFTER_FAILURE", 0.1)
    job_id = await scene.start()
    engines.kill_redis()
    async with scene.monitor() as desk:
        snapshot = desk.log[-1]
        assert (snapshot["workers"], snapshot["machines"]) == (None, None)
        assert [job["id"] for job in snapshot["jobs"]] == [str(job_id)]
        engines.restart_redis()
        with redis.Redis(unix_socket_path=engines.redis_socket) as client:
            FleetMember(client, PREFIX).announce(IDLE)
        await desk.until("worker_connected", worker_id=IDLE.worker_id)
        snapshot = await desk.ask("resync_request", "full_state_snapshot")
        assert [one["worker_id"] for one in snapshot["workers"]] == [IDLE.worker_id]
