"""Leases: renewed, lapsed, given to another worker first, handed back."""

from typing import Any

import pytest
import redis
from tests.queue.helpers import (
    PREFIX,
    RETRYABLE,
    Worker,
    become_due,
    ids,
    kinds,
    lapse,
    make_ticket,
    reports,
)

from emprops.queue.dispatch import Queue, Reclaimed
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.keys import KEYS
from emprops.queue.matching import Offer
from emprops.queue.messages import Finished, Limits
from emprops.queue.transport import Beat
from emprops.queue.worker_link import RedisHeartbeat


async def test_a_lapsed_step_runs_elsewhere_and_the_first_worker_is_too_late(
    queue: Queue, client: Any, worker: Worker
) -> None:
    second = Worker(client, "worker-2")
    await queue.enqueue([make_ticket("s"), make_ticket("younger", at=1)])
    first_claim = await worker.claim_one()
    await lapse(client, "s")
    assert await queue.reclaim() == Reclaimed(offered=1, given_up=0, promoted=0)
    claim = await second.claim_one()
    assert (claim.ticket.id, claim.attempt) == ("s", 2)  # it kept its place before the younger one
    assert claim.token != first_claim.token
    assert not await worker.finish(first_claim)
    assert await second.finish(claim)
    assert await kinds(client, "s") == ["started", "lost", "started", "completed"]


async def test_a_lapsed_lease_counts_until_somebody_takes_the_step_away(
    queue: Queue, client: Any, worker: Worker
) -> None:
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    claims = await worker.claim(2)
    await lapse(client, "s", "t")
    heartbeat = beat_of(client, worker)
    assert heartbeat.beat([Beat(claims[0])]) == set()
    assert await queue.reclaim() == Reclaimed(1, 0, 0)
    assert await queue.ticket_states(["s", "t"]) == ["claimed", "waiting"]
    assert await worker.finish(claims[0])
    assert not await worker.finish(claims[1])


def beat_of(client: Any, worker: Worker) -> RedisHeartbeat:
    path = client.connection_pool.connection_kwargs["path"]
    return RedisHeartbeat(
        redis.Redis(unix_socket_path=path), prefix=PREFIX, worker_id=worker.name, machine_id="m", lease=worker.lease
    )


async def test_beats_renew_carry_progress_and_name_what_is_lost(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("kept"), make_ticket("gone", at=1), make_ticket("cancelled", at=2)])
    kept, gone, cancelled = await worker.claim(3)
    await lapse(client, "kept", "gone")
    heartbeat = beat_of(client, worker)
    assert heartbeat.beat([Beat(kept, 12.5, 'at "50%"\n')]) == set()
    await queue.reclaim()
    await queue.cancel([("cancelled", 1)], "by the user")
    assert heartbeat.beat([Beat(kept, 25.0), Beat(gone, 99.0), Beat(cancelled, 99.0)]) == {"gone", "cancelled"}
    progress = [report for report in await reports(client) if report.kind == "progress"]
    assert [(report.step_id, report.progress, report.message) for report in progress] == [
        ("kept", 12.5, 'at "50%"\n'),
        ("kept", 25.0, ""),
    ]
    lease = await client.zscore(PREFIX + KEYS.leases, "kept")
    seconds, _ = await client.time()
    assert 55_000 < lease - seconds * 1000 <= 61_000


async def test_progress_is_left_out_when_nobody_reads_the_stream(
    queue: Queue, client: Any, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emprops.queue.worker_link.MAX_STREAM", 2)
    await queue.enqueue([make_ticket("s")])
    claim = await worker.claim_one()
    heartbeat = beat_of(client, worker)
    for percent in range(10):
        assert heartbeat.beat([Beat(claim, percent)]) == set()
    assert await kinds(client, "s") == ["started", "progress"]
    assert await worker.finish(claim)
    assert (await kinds(client, "s"))[-1] == "completed"


async def test_a_step_that_loses_worker_after_worker_is_given_up(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("poison", limits=Limits(max_lost_claims=3)), make_ticket("healthy", at=1)])
    claims = []
    for _ in range(3):
        claims.append(await worker.claim_one())
        await lapse(client, "poison")
        await queue.reclaim()
    assert await queue.ticket_states(["poison", "healthy"]) == ["dead", "waiting"]
    failed = (await reports(client, "poison"))[-1]
    assert failed.kind == "failed"
    assert failed.finished is not None
    assert failed.finished.details == {"code": "worker_lost", "lost_claims": 3}
    assert not any([await worker.finish(claim) for claim in claims])
    assert await client.hget(f"{PREFIX}{KEYS.ticket}poison", "reason") == b"worker_lost"
    assert ids(await worker.claim(5)) == ["healthy"]


async def test_losses_and_failures_are_counted_apart(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s", limits=Limits(max_failures=1, max_lost_claims=2))])
    await worker.claim_one()
    await lapse(client, "s")
    await queue.reclaim()
    assert await worker.finish(await worker.claim_one(), RETRYABLE)
    await become_due(client, "s")
    claim = await worker.claim_one()
    assert claim.attempt == 3
    assert await worker.finish(claim)


def announce(client: Any, worker: Worker, *, seconds_ago: int = 0) -> None:
    path = client.connection_pool.connection_kwargs["path"]
    with redis.Redis(unix_socket_path=path) as blocking:
        member = FleetMember(blocking, PREFIX)
        member.announce(WorkerInfo(worker.name, "m", "busy", worker.offers, 1))
        if seconds_ago:
            for key in blocking.keys(f"{PREFIX}{KEYS.members}*"):
                blocking.zincrby(key, -seconds_ago * 1000, worker.name)


async def test_a_lost_or_failed_step_goes_to_another_worker_first(queue: Queue, client: Any, worker: Worker) -> None:
    second = Worker(client, "worker-2")
    announce(client, worker)
    announce(client, second)
    await queue.enqueue([make_ticket("lost"), make_ticket("failed", at=1), make_ticket("third", at=2)])
    _, failed = await worker.claim(2)
    await lapse(client, "lost")
    await queue.reclaim()
    assert await worker.finish(failed, Finished(failure="retryable", error="x", retry_after=0.001))
    await become_due(client, "failed")
    assert ids(await worker.claim(9)) == ["third"]  # what stands behind is not held up
    assert await worker.claim(9) == []
    assert ids(await second.claim(9)) == ["lost", "failed"]


@pytest.mark.parametrize("others", ["nobody", "silent", "other job type"])
async def test_it_goes_to_the_same_worker_when_no_other_could_take_it(
    queue: Queue, client: Any, worker: Worker, others: str
) -> None:
    announce(client, worker)
    if others == "silent":
        announce(client, Worker(client, "worker-2"), seconds_ago=40)
    elif others == "other job type":
        announce(client, Worker(client, "worker-2", {"video": Offer()}))
    await queue.enqueue([make_ticket("s")])
    await worker.claim_one()
    await lapse(client, "s")
    await queue.reclaim()
    assert ids(await worker.claim()) == ["s"]


async def test_a_backlog_kept_for_others_does_not_hide_what_is_behind_it(
    queue: Queue, client: Any, worker: Worker
) -> None:
    announce(client, worker)
    announce(client, Worker(client, "worker-2"))
    await queue.enqueue([make_ticket(f"s{n:02}", at=n) for n in range(50)])
    claims = await worker.claim(40)
    assert await worker.link.release(claims) == 40
    assert ids(await worker.claim(3)) == ["s40", "s41", "s42"]
    assert ids(await Worker(client, "worker-2").claim(2)) == ["s00", "s01"]


# --- hand-backs


async def test_a_released_step_keeps_its_place_and_counts_nothing(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket(f"s{n}", at=n, limits=Limits(0, 1)) for n in range(3)])
    claims = await worker.claim(2)
    assert await worker.link.release(claims) == 2
    assert await worker.link.release(claims) == 0
    again = await Worker(client, "worker-2").claim(3)
    assert [(claim.ticket.id, claim.attempt) for claim in again] == [("s0", 2), ("s1", 2), ("s2", 1)]
    assert not await worker.finish(claims[0])
    assert await kinds(client, "s0") == ["started", "released", "started"]
