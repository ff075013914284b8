"""How many steps of a job type run at once in the whole fleet, and begin in a minute."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.queue.helpers import PREFIX, Worker, ids, lapse, make_ticket

from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet
from emprops.queue.keys import KEYS
from emprops.queue.matching import Offer
from emprops.queue.type_limits import TypeLimits, show_limits

BOTH = {"noop": Offer(), "paid": Offer()}


def paid(name: str, **more: Any) -> Any:
    return make_ticket(name, job_type="paid", **more)


async def minutes_pass(client: Any, job_type: str = "paid", seconds: float = 60) -> None:
    """Let what began have begun earlier."""
    key = f"{PREFIX}{KEYS.type_begun}{job_type}"
    for member, score in await client.zrange(key, 0, -1, withscores=True):
        await client.zadd(key, {member: score - seconds * 1000 - 1})


async def test_no_more_run_at_once_over_all_workers(queue: Queue, client: Any) -> None:
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(concurrency=3)})
    await queue.enqueue([paid(f"s{n}", at=n) for n in range(10)])
    first, second = Worker(client, "a", offers=BOTH), Worker(client, "b", offers=BOTH)
    mine = await first.claim(2)
    assert len(await second.claim(5)) == 1
    assert await first.claim(5) == []
    await first.finish(mine[0])
    assert len(await second.claim(5)) == 1
    assert await second.claim(5) == []


async def test_other_job_types_are_not_held_up(queue: Queue, client: Any) -> None:
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(concurrency=1)})
    await queue.enqueue([paid(f"p{n}", at=n, priority=90) for n in range(5)])
    await queue.enqueue([make_ticket(f"n{n}", at=n) for n in range(5)])
    worker = Worker(client, "a", offers=BOTH)
    assert ids(await worker.claim(4)) == ["p0", "n0", "n1", "n2"]
    assert ids(await worker.claim(4)) == ["n3", "n4"]


async def test_a_users_own_order_steps_over_what_is_full(queue: Queue, client: Any) -> None:
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(concurrency=1)})
    await queue.enqueue([paid("p0", at=0, user="anna"), paid("p1", at=1, user="anna")])
    await queue.enqueue([make_ticket("n0", at=2, user="anna"), make_ticket("n1", at=3, user="bert")])
    worker = Worker(client, "a", offers=BOTH)
    assert sorted(ids(await worker.claim(5))) == ["n0", "n1", "p0"]


@pytest.mark.parametrize("end", ["lapsed", "cancelled", "released"])
async def test_every_end_of_a_run_makes_room(queue: Queue, client: Any, end: str) -> None:
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(concurrency=1)})
    await queue.enqueue([paid("first", at=0), paid("second", at=1)])
    worker, other = Worker(client, "a", offers=BOTH), Worker(client, "b", offers=BOTH)
    claim = await worker.claim_one()
    assert await other.claim() == []
    if end == "lapsed":
        await lapse(client, "first")
        await queue.reclaim()
    elif end == "cancelled":
        await queue.cancel([("first", 1)], "not wanted")
    else:
        await worker.link.release([claim])
    assert len(await other.claim(5)) == 1


async def test_no_more_begin_in_a_minute(queue: Queue, client: Any) -> None:
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(per_minute=2)})
    await queue.enqueue([paid(f"s{n}", at=n) for n in range(6)])
    worker = Worker(client, "a", offers=BOTH)
    for claim in await worker.claim(5):
        await worker.finish(claim)
    assert await worker.claim(5) == []
    held = await client.zscore(PREFIX + KEYS.held, next(iter(await client.zrange(PREFIX + KEYS.held, 0, -1))))
    seconds, _ = await client.time()
    assert 58 < held / 1000 - seconds < 62, "somebody looks again when the first is a minute old"
    await minutes_pass(client, seconds=30)
    assert await worker.claim(5) == []
    await minutes_pass(client, seconds=30)
    assert ids(await worker.claim(5)) == ["s2", "s3"]


async def test_idle_workers_hear_when_there_is_room(queue: Queue, client: Any) -> None:
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(concurrency=1)})
    await queue.enqueue([paid("s0", at=0), paid("s1", at=1)])
    worker, idle = Worker(client, "a", offers=BOTH), Worker(client, "b", offers=BOTH)
    await worker.claim_one()
    assert await idle.claim() == []
    await client.delete(f"{PREFIX}{KEYS.wake}b")
    await client.zadd(PREFIX + KEYS.held, dict.fromkeys(await client.zrange(PREFIX + KEYS.held, 0, -1), 0))
    await queue.reclaim()
    assert await client.exists(f"{PREFIX}{KEYS.wake}b")


async def test_limits_that_are_lifted_hold_no_more(queue: Queue, client: Any) -> None:
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(concurrency=1, per_minute=1)})
    await queue.enqueue([paid(f"s{n}", at=n) for n in range(4)])
    worker = Worker(client, "a", offers=BOTH)
    assert len(await worker.claim(4)) == 1
    await show_limits(queue.redis, queue.prefix, {})
    assert len(await worker.claim(4)) == 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    most=st.integers(1, 4),
    a_minute=st.none() | st.integers(1, 6),
    wants=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6), st.booleans()), max_size=12),
)
async def test_whatever_is_claimed_the_limits_hold(
    queue: Queue, client: Any, most: int, a_minute: int | None, wants: list[tuple[int, int, bool]]
) -> None:
    await client.flushall()
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(most, a_minute)})
    await queue.enqueue([paid(f"s{n}", at=n, user=f"user{n % 3}", priority=50 + n % 2) for n in range(40)])
    workers = [Worker(client, name, offers=BOTH) for name in "abc"]
    running: list[tuple[Worker, Any]] = []
    begun = 0
    for number, want, ends in wants:
        claims = await workers[number].claim(want)
        begun += len(claims)
        running += [(workers[number], claim) for claim in claims]
        room = most - (len(running) - len(claims))
        left = (a_minute - (begun - len(claims))) if a_minute is not None else room
        assert len(claims) == min(want, max(0, room), max(0, left))
        if ends and running:
            owner, claim = running.pop(0)
            await owner.finish(claim)


def test_limits_are_written_as_they_are_read() -> None:
    for limits in (TypeLimits(3, 60), TypeLimits(concurrency=3), TypeLimits(per_minute=1), TypeLimits()):
        assert TypeLimits.of(limits.text) == limits


async def test_who_waits_for_a_limit_is_told_so(queue: Queue, client: Any) -> None:
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(concurrency=1, per_minute=2)})
    await queue.enqueue([paid(f"s{n}", at=n) for n in range(4)])
    worker = Worker(client, "a", offers=BOTH)

    async def blocked() -> list[str]:
        place = await Fleet(client, PREFIX).place("s3")
        assert place is not None
        return [reason for reason in place["blocked_by"] if reason != "no live worker"]

    claim = await worker.claim_one()
    assert await blocked() == ["the limit of 1 paid steps at once"]
    await worker.finish(claim)
    assert await blocked() == []
    await worker.finish(await worker.claim_one())
    assert await blocked() == ["the limit of 2 paid steps a minute"]
