"""Weights: in his turn, up to so many of a user's tickets are taken, and then everybody else has a turn."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines import Engines
from tests.queue.helpers import PREFIX, RETRYABLE, Worker, become_due, ids, lapse, make_ticket, with_models
from tests.queue.test_turns import keys, take_all, tickets_of

from emprops.kit.redis import connect
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet
from emprops.queue.keys import KEYS


def in_rounds(waiting: Sequence[tuple[str, int, int]]) -> list[str]:
    """The model: (user, tickets, weight), and whose tickets go in which order."""
    line, order = deque(waiting), []
    while line:
        user, count, weight = line.popleft()
        order += [user] * min(count, weight)
        if count > weight:
            line.append((user, count - weight, weight))
    return order


def users_of(steps: Sequence[str]) -> list[str]:
    return [step.rstrip("0123456789") for step in steps]


@pytest.mark.parametrize("want", [1, 2, 3, 5, 200])
async def test_a_turn_is_as_long_as_the_weight(queue: Queue, worker: Worker, want: int) -> None:
    await queue.enqueue(tickets_of("a", 3))
    await queue.enqueue(tickets_of("b", 7, weight=3))
    await queue.enqueue(tickets_of("c", 2))
    assert await take_all(worker, want) == [
        *("a0000", "b0000", "b0001", "b0002", "c0000", "a0001", "b0003", "b0004", "b0005", "c0001", "a0002", "b0006")
    ]


@given(
    waiting=st.lists(st.tuples(st.integers(1, 9), st.sampled_from((1, 1, 2, 3, 7, 100))), min_size=1, max_size=6),
    want=st.sampled_from((1, 2, 3, 10, 200)),
)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def check_rounds(world: tuple[Any, Any, Any], waiting: list[tuple[int, int]], want: int) -> None:
    do, client, blocking = world
    blocking.flushall()
    queue, worker = Queue(client), Worker(client)
    named = [(f"user{'abcdef'[n]}", *what) for n, what in enumerate(waiting)]
    for user, count, weight in named:
        do(queue.enqueue(tickets_of(user, count, weight=weight)))
    assert users_of(do(take_all(worker, want))) == in_rounds(named)
    assert do(keys(client, KEYS.line, KEYS.lines, KEYS.served, KEYS.spent, KEYS.wait)) == []


def test_turns_of_any_weights_go_round(engines: Engines) -> None:
    loop = asyncio.new_event_loop()
    client = connect(engines.redis_url)
    with redis.Redis(unix_socket_path=engines.redis_socket) as blocking:
        check_rounds((loop.run_until_complete, client, blocking))
    loop.run_until_complete(client.aclose())
    loop.close()


@pytest.mark.parametrize("taken", [0, 1, 2, 3, 4, 500])
@pytest.mark.parametrize("weight", [2, 3, 100])
async def test_a_newcomer_waits_for_one_weight_at_most(queue: Queue, worker: Worker, weight: int, taken: int) -> None:
    await queue.enqueue(tickets_of("heavy", 10_000, weight=weight))
    await worker.claim(taken)
    await queue.enqueue(tickets_of("new", 2, at=1_000_000))
    order: list[str] = []
    while order.count("new") < 2:
        order += users_of(ids(await worker.claim()))
    first, second = (n for n, user in enumerate(order) if user == "new")
    assert first <= weight
    assert second - first - 1 == weight, "a whole turn between two of the other's"


async def test_a_turn_is_counted_over_requirements(queue: Queue, client: Any) -> None:
    worker = Worker(client, offers=with_models("x", "y", "w"))
    for model in "xyw":
        what: dict[str, Any] = {"models": [model], "user": "a", "weight": 3}
        await queue.enqueue([make_ticket(f"a-{model}{n}", at=n, **what) for n in range(5)])
    await queue.enqueue([make_ticket(f"b-{n}", at=50 + n, models=["y"], user="b") for n in range(6)])
    taken = "".join(step[0] for step in await take_all(worker))
    assert taken == "aaab" * 5 + "b"


async def test_a_turn_keeps_the_users_own_order(queue: Queue, client: Any) -> None:
    worker = Worker(client, offers=with_models("text", "video"))
    what: dict[str, Any] = {"user": "a", "weight": 2}
    await queue.enqueue([make_ticket(f"text{n}", at=2 * n, models=["text"], **what) for n in range(3)])
    await queue.enqueue([make_ticket(f"z{n}", models=["text"], user="z") for n in range(3)])
    await queue.enqueue([make_ticket(f"video{n}", at=2 * n - 1, models=["video"], **what) for n in range(3)])
    assert await take_all(worker) == [*("video0", "text0", "z0", "video1", "text1", "z1", "video2", "text2", "z2")]


async def test_several_classes_share_the_turn_of_a_place(queue: Queue, client: Any) -> None:
    both = Worker(client, "both", offers=with_models("x", "y"))
    one = Worker(client, "one", offers=with_models("x"))
    await queue.enqueue(tickets_of("a", 9, weight=4, models=["x"]))
    await queue.enqueue(tickets_of("b", 3, models=["x"]))
    order = [users_of(ids(await worker.claim()))[0] for worker in (both, one) * 6]
    assert "".join(order) == "aaaabaaaabab"


async def test_priorities_do_not_lengthen_a_turn(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket(f"a{n}", priority=60, user="a", weight=3) for n in range(2)])
    await queue.enqueue([make_ticket(f"a{n}", user="a", weight=3) for n in range(2, 6)])
    await queue.enqueue(tickets_of("b", 3))
    assert "".join(users_of(await take_all(worker))) == "aaabaaabb"


async def test_what_comes_back_is_no_part_of_a_turn(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue(tickets_of("a", 6, weight=4))
    await queue.enqueue(tickets_of("b", 2))
    released, _lost, failed = [await worker.claim_one() for _ in range(3)]
    assert await worker.link.release([released]) == 1
    await lapse(client, "a0001")
    assert (await queue.reclaim()).offered == 1
    assert await worker.finish(failed, RETRYABLE)
    await become_due(client, "a0002")
    taken = await take_all(Worker(client, "other"))
    assert taken == ["a0000", "a0001", "a0002", "a0003", "b0000", "a0004", "a0005", "b0001"]


@pytest.mark.parametrize("gone", ["a0001", "a0002"])
async def test_cancelling_does_not_lengthen_a_turn(queue: Queue, worker: Worker, gone: str) -> None:
    await queue.enqueue(tickets_of("a", 6, weight=2))
    await queue.enqueue(tickets_of("b", 2))
    assert ids(await worker.claim()) == ["a0000"]
    assert await queue.cancel([(gone, 1)], "x") == ["waiting"]
    assert users_of(await take_all(worker)) == ["a", "b", "a", "a", "b", "a"]


async def test_who_comes_back_in_the_middle_of_a_turn_waits_for_the_next(queue: Queue, worker: Worker) -> None:
    await queue.enqueue(tickets_of("a", 1, weight=3))
    await queue.enqueue(tickets_of("b", 2))
    assert ids(await worker.claim()) == ["a0000"]
    await queue.enqueue([make_ticket(f"again{n}", user="a", weight=3) for n in range(4)])
    assert users_of(await take_all(worker)) == ["b", "again", "again", "again", "b", "again"]


async def test_tickets_without_the_field_have_the_weight_of_one(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue(tickets_of("a", 3))
    await queue.enqueue(tickets_of("b", 3))
    assert not await client.hexists(f"{PREFIX}{KEYS.ticket}a0000", "weight"), "nothing is written for most users"
    assert users_of(await take_all(worker)) == ["a", "b"] * 3


async def test_nothing_is_left_of_a_turn(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue(tickets_of("a", 5, weight=3))
    await queue.enqueue(tickets_of("b", 1))
    for _ in range(2):
        await worker.claim()
    assert len(await keys(client, KEYS.spent)) == 2
    for key in await keys(client, KEYS.spent):
        assert 0 < await client.ttl(key) <= 3600
    await take_all(worker)
    assert await keys(client, KEYS.spent) == []


@pytest.mark.parametrize("before", [0, 1, 2, 3])
async def test_a_place_counts_rounds_of_a_weight(queue: Queue, client: Any, worker: Worker, before: int) -> None:
    fleet = Fleet(client, PREFIX)
    await queue.enqueue(tickets_of("a", 7, weight=3))
    for user in "bc":
        await queue.enqueue(tickets_of(user, 9))
    await worker.claim(before)
    steps = [f"a{n:04}" for n in range(before, 7)]
    places = [await fleet.place(step) for step in steps]
    taken = await take_all(worker)
    assert [place and place["position"] for place in places] == [taken.index(step) + 1 for step in steps]
