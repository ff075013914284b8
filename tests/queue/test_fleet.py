"""The fleet as people see it, and why a step waits."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import redis
from tests.engines import Engines
from tests.queue.helpers import ANYTHING, PREFIX, RETRYABLE, Worker, make_ticket, with_models

from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet, FleetMember, WorkerInfo, WorkerStatus
from emprops.queue.keys import KEYS, machine_channel, worker_channel
from emprops.queue.matching import Offer, WorkerOffers


@pytest.fixture
def blocking(engines: Engines) -> Iterator[Any]:
    with redis.Redis(unix_socket_path=engines.redis_socket) as client:
        yield client


@pytest.fixture
def member(blocking: Any) -> FleetMember:
    return FleetMember(blocking, PREFIX)


def info(name: str, offers: WorkerOffers = ANYTHING, status: WorkerStatus = "idle") -> WorkerInfo:
    return WorkerInfo(name, "machine", status, offers, 2, started_at=5, connectors={"noop": "ok", "comfyui": "away"})


async def test_announced_workers_are_listed_until_they_leave_or_fall_silent(
    client: Any, blocking: Any, member: FleetMember
) -> None:
    fleet = Fleet(client, PREFIX)
    assert await fleet.workers() == []
    offers = {"noop": Offer(frozenset({"a"}), None, (("gpu", "a100"),))}
    for name in ("b", "a", "c"):
        member.announce(info(name, offers))
    listed = await fleet.workers()
    assert [worker.worker_id for worker in listed] == ["a", "b", "c"]
    assert listed[0].offers == offers
    assert listed[0].last_seen > listed[0].started_at
    member.withdraw(info("b", offers))
    blocking.delete(f"{PREFIX}{KEYS.worker}c")  # what its time to live does
    assert [worker.worker_id for worker in await fleet.workers()] == ["a"]
    assert 100 < blocking.ttl(f"{PREFIX}{KEYS.worker}a") <= 120


async def test_the_specified_channels_are_told(client: Any, member: FleetMember) -> None:
    async with client.pubsub() as listener:
        await listener.subscribe(worker_channel("a"), machine_channel("machine"))
        for _ in range(2):
            await listener.get_message(timeout=1)
        member.announce(info("a", status="busy"))
        member.announce_machine(info("a"), 1500)
        member.withdraw(info("a", status="draining"))
        messages = [orjson.loads((await listener.get_message(timeout=1))["data"]) for _ in range(3)]
    busy, machine, gone = messages
    assert (busy["worker_id"], busy["status"], gone["status"]) == ("a", "busy", "offline")
    assert machine["machine_id"] == "machine"
    assert machine["cumulative_stats"]["uptime_ms"] == 1500
    assert {service["service_id"]: service["status"] for service in machine["services"]} == {
        "comfyui": "offline",
        "noop": "online",
    }


async def test_a_waiting_step_knows_its_position_over_all_requirements(
    queue: Queue, client: Any, worker: Worker, member: FleetMember
) -> None:
    fleet = Fleet(client, PREFIX)
    await queue.enqueue([make_ticket(f"s{n}", at=n, models=["ab"[n % 2]]) for n in range(6)])
    member.announce(info("worker-1"))
    assert [await fleet.place(f"s{n}") for n in range(6)] == [
        {"position": n, "turns": 0, "own_before": n - 1, "blocked_by": [], "retry_at": None} for n in (1, 2, 3, 4, 5, 6)
    ]
    claim = await worker.claim_one()
    assert await fleet.place("s0") is None
    assert ((await fleet.place("s1")) or {})["position"] == 1
    assert await worker.finish(claim, RETRYABLE)
    assert await fleet.place("unknown") is None


async def test_a_step_that_waits_for_its_next_try_says_until_when(
    queue: Queue, client: Any, worker: Worker, member: FleetMember
) -> None:
    fleet = Fleet(client, PREFIX)
    member.announce(info("worker-1"))
    await queue.enqueue([make_ticket("failing", at=2)])
    claim = await worker.claim_one()
    await queue.enqueue([make_ticket("older", at=1), make_ticket("newer", at=3)])
    before = datetime.now(UTC)
    assert await worker.finish(claim, RETRYABLE)
    place = await fleet.place("failing")
    assert place is not None
    assert (place["position"], place["blocked_by"]) == (1, []), "it had its turn already: it goes first once it is due"
    backoff = timedelta(seconds=5)
    assert before - timedelta(milliseconds=1) <= place["retry_at"] - backoff <= datetime.now(UTC)


async def test_a_step_that_nobody_can_run_says_what_is_missing(queue: Queue, client: Any, member: FleetMember) -> None:
    fleet = Fleet(client, PREFIX)
    await queue.enqueue(
        [make_ticket("s", models=["flux", "lora"]), make_ticket("t", job_type="video"), make_ticket("u")]
    )
    assert ((await fleet.place("s")) or {})["blocked_by"] == ["no live worker"]
    member.announce(info("far", {"image": Offer()}))
    member.announce(info("near", with_models("flux")))
    assert [(await fleet.place(step) or {})["blocked_by"] for step in "stu"] == [
        ["model lora"],
        ["job type video"],
        [],
    ]
