"""Turns between users: within a priority nobody waits for more than one round of the others, whatever they have."""

import random
from typing import Any

import pytest
from tests.queue.helpers import PREFIX, RETRYABLE, Worker, become_due, ids, lapse, make_ticket, with_models

from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet
from emprops.queue.keys import KEYS
from emprops.queue.messages import Ticket


def tickets_of(user: str, count: int, *, at: int = 0, **what: Any) -> list[Ticket]:
    """Tickets of one user, each of a job of its own."""
    return [make_ticket(f"{user}{n:04}", at=at + n, user=user, **what) for n in range(count)]


async def take_all(worker: Worker, want: int = 1) -> list[str]:
    """Claim until nothing is left. Steps in the order they came."""
    taken: list[str] = []
    while claims := await worker.claim(want):
        taken += ids(claims)
    return taken


async def keys(client: Any, *kinds: str) -> list[bytes]:
    return [key for kind in kinds for key in await client.keys(f"{PREFIX}{kind}*")]


@pytest.mark.parametrize("want", [1, 2, 5, 200])
async def test_users_are_served_in_turns(queue: Queue, worker: Worker, want: int) -> None:
    for user, count in (("a", 6), ("b", 2), ("c", 3)):
        await queue.enqueue(tickets_of(user, count))
    assert await take_all(worker, want) == [
        *("a0000", "b0000", "c0000", "a0001", "b0001", "c0001", "a0002", "c0002", "a0003", "a0004", "a0005")
    ]


async def test_a_newcomer_waits_for_one_round_at_most(queue: Queue, worker: Worker) -> None:
    await queue.enqueue(tickets_of("a", 10_000))
    await queue.enqueue(tickets_of("b", 20, at=-100_000))
    assert len(await worker.claim(300)) == 300
    await queue.enqueue(tickets_of("new", 3, at=1_000_000))
    order = [step.rstrip("0123456789") for step in ids(await worker.claim(7))]
    assert order.index("new") == 1
    assert order == ["a", "new", "a", "new", "a", "new", "a"]


@pytest.mark.parametrize("want", [1, 30])
async def test_a_users_own_order_is_by_priority_then_age_then_step(queue: Queue, worker: Worker, want: int) -> None:
    await queue.enqueue(tickets_of("z", 9, priority=50))
    await queue.enqueue([make_ticket("young", at=9, user="a"), make_ticket("b-old", at=5, user="a")])
    await queue.enqueue([make_ticket("a-old", at=5, user="a"), make_ticket("urgent", at=99, priority=60, user="a")])
    await queue.enqueue([make_ticket("low", at=0, priority=40, user="a")])
    taken = await take_all(worker, want)
    assert [step for step in taken if step[0] != "z"] == ["urgent", "a-old", "b-old", "young", "low"]


async def test_a_later_step_of_an_older_job_takes_the_turn_of_a_younger_one(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("young-step-1", at=50, user="a"), make_ticket("z1", user="z")])
    await queue.enqueue([make_ticket("old-step-2", at=3, user="a")])
    assert await take_all(worker) == ["old-step-2", "z1", "young-step-1"]


async def test_a_users_order_holds_over_requirements(queue: Queue, client: Any) -> None:
    """The steps of a job differ in what they require; a later one still goes before the first of a younger job."""
    worker = Worker(client, offers=with_models("text", "video"))
    await queue.enqueue([make_ticket(f"text{n}", at=n, models=["text"], user="a") for n in range(1, 4)])
    await queue.enqueue([make_ticket(f"z{n}", models=["text"], user="z") for n in range(2)])
    await queue.enqueue([make_ticket("video", at=0, models=["video"], user="a")])
    assert await take_all(worker) == ["video", "z0", "text1", "z1", "text2", "text3"]


async def test_who_spreads_over_requirements_gets_no_more_turns(queue: Queue, client: Any) -> None:
    worker = Worker(client, offers=with_models("x", "y", "w"))
    for model in "xyw":
        await queue.enqueue([make_ticket(f"a-{model}{n}", at=n, models=[model], user="a") for n in range(4)])
    await queue.enqueue([make_ticket(f"b-{n}", at=50 + n, models=["y"], user="b") for n in range(6)])
    taken = "".join(step[0] for step in await take_all(worker))
    assert taken == "ab" * 6 + "a" * 6


async def test_being_served_fast_elsewhere_does_not_starve(queue: Queue, client: Any) -> None:
    """One pool takes a user's texts all the time; in the other he still gets every second video."""
    fast = Worker(client, "fast", offers=with_models("text"))
    slow = Worker(client, "slow", offers=with_models("video"))
    await queue.enqueue(tickets_of("a", 200, models=["text"]))
    for user in "ab":
        await queue.enqueue([make_ticket(f"{user}-video{n}", at=n, models=["video"], user=user) for n in range(5)])
    seen = ""
    for _ in range(10):
        assert len(await fast.claim(10)) == 10
        seen += ids(await slow.claim())[0][0]
    assert seen == "ab" * 5


async def test_what_comes_back_was_served_already(queue: Queue, client: Any, worker: Worker) -> None:
    for user in "abc":
        await queue.enqueue(tickets_of(user, 3))
    first = await worker.claim(2)
    assert ids(first) == ["a0000", "b0000"]
    assert await worker.link.release(first[:1]) == 1
    await lapse(client, "b0000")
    assert (await queue.reclaim()).offered == 1
    other = Worker(client, "other")
    assert await take_all(other) == ["a0000", "b0000", "c0000", *(f"{user}000{n}" for n in (1, 2) for user in "abc")]


async def test_a_retry_costs_no_turn(queue: Queue, client: Any, worker: Worker) -> None:
    for user in "ab":
        await queue.enqueue(tickets_of(user, 2))
    assert await worker.finish(await worker.claim_one(), RETRYABLE)
    await become_due(client, "a0000")
    assert await take_all(Worker(client, "other")) == ["a0000", "b0000", "a0001", "b0001"]


@pytest.mark.parametrize(("gone", "order"), [(0, ["a1", "b0", "a2"]), (1, ["a0", "b0", "a2"]), (2, ["a0", "b0", "a1"])])
async def test_the_next_one_inherits_the_place_of_a_cancelled_one(
    queue: Queue, worker: Worker, gone: int, order: list[str]
) -> None:
    await queue.enqueue([make_ticket(f"a{n}", at=n, user="a") for n in range(3)])
    await queue.enqueue([make_ticket("b0", user="b")])
    assert await queue.cancel([(f"a{gone}", 1)], "x") == ["waiting"]
    assert await take_all(worker) == order


async def test_a_new_run_takes_the_place_of_the_old_one(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket(f"a{n}", at=n, user="a") for n in range(3)])
    await queue.enqueue([make_ticket("b0", user="b")])
    assert await queue.enqueue([make_ticket("a0", at=0, run=2, user="a")]) == ["new"]
    claims = await worker.claim(9)
    assert [(claim.ticket.id, claim.ticket.run) for claim in claims] == [("a0", 2), ("b0", 1), ("a1", 1), ("a2", 1)]


async def test_turns_go_on_after_redis_lost_everything(queue: Queue, client: Any, worker: Worker) -> None:
    tickets = tickets_of("a", 5) + tickets_of("b", 3)
    await queue.enqueue(tickets)
    await worker.claim(2)
    await client.flushall()
    await queue.enqueue(sorted(tickets, key=lambda ticket: ticket.workflow_context.workflow_datetime))
    taken = await take_all(worker, 3)
    assert "".join(step[0] for step in taken) == "abababaa"


async def test_nothing_is_left_of_users_who_wait_for_nothing(queue: Queue, client: Any, worker: Worker) -> None:
    for n in range(300):
        await queue.enqueue(tickets_of(f"user{n}-", 1 + n % 3, priority=(30, 50)[n % 2]))
    claims = await worker.claim(250)
    await worker.link.release(claims[:20])
    await queue.cancel([(f"user{n}-0001", 1) for n in range(200, 300) if n % 3], "x")
    while claims := await Worker(client, "other").claim(100):
        for claim in claims:
            await worker.finish(claim)
    assert await keys(client, KEYS.line, KEYS.lines, KEYS.served, KEYS.wait) == []


async def test_tickets_whose_line_is_lost_are_taken_last(queue: Queue, client: Any, worker: Worker) -> None:
    """As after an expired key; the next of the user's tickets to come mends it."""
    await queue.enqueue(tickets_of("a", 3))
    await queue.enqueue(tickets_of("b", 3))
    await client.delete(*await keys(client, f"{KEYS.line}*a", f"{KEYS.lines}*a"))
    assert await take_all(worker) == ["a0000", "b0000", "b0001", "b0002", "a0001", "a0002"]


async def test_scripts_of_an_older_version_lose_nothing(queue: Queue, client: Any, worker: Worker) -> None:
    """They take tickets from the order without a word to the lines, and put tickets in by the age of their job."""
    await queue.enqueue(tickets_of("a", 4))
    await queue.enqueue(tickets_of("b", 2))
    sig = (await client.hget(f"{PREFIX}{KEYS.ticket}a0000", "sig")).decode()
    wait = f"{PREFIX}{KEYS.wait}{sig}"
    await client.zrem(wait, "a0000")
    await client.hset(f"{PREFIX}{KEYS.ticket}a0000", mapping={"state": "claimed", "token": "old", "worker": "old"})
    old = make_ticket("old", at=7)
    await queue.enqueue([old])
    await client.hdel(f"{PREFIX}{KEYS.ticket}old", "user")
    await client.delete(f"{PREFIX}{KEYS.line}{sig}:50:", f"{PREFIX}{KEYS.lines}50:")
    await client.zadd(wait, {"old": await client.hget(f"{PREFIX}{KEYS.ticket}old", "score")})
    assert ids(await worker.claim(2)) == ["old", "b0000"]
    await queue.enqueue([make_ticket("a9999", at=9999, user="a")])  # mends the line
    taken = await take_all(worker)
    assert sorted(taken[:2]) == ["a0001", "b0001"]
    assert taken[2:] == ["a0002", "a0003", "a9999"]


async def test_a_place_says_whose_turns_come_first(queue: Queue, client: Any, worker: Worker) -> None:
    fleet = Fleet(client, PREFIX)
    for user, count in (("a", 5), ("b", 1), ("c", 2)):
        await queue.enqueue(tickets_of(user, count))
    await queue.enqueue(tickets_of("urgent", 1, priority=90))

    async def place(step: str) -> tuple[int, int, int]:
        found = await fleet.place(step)
        assert found is not None
        return found["position"], found["turns"], found["own_before"]

    assert await place("a0000") == (2, 0, 0)
    assert await place("c0000") == (4, 2, 0)
    assert await place("c0001") == (7, 2, 1)
    assert await place("a0004") == (9, 0, 4), "others wait for three things, so not more than three come before it"
    await worker.claim(2)
    assert await place("a0001") == (3, 2, 0)
    assert await fleet.place("urgent0000") is None


async def test_low_priority_does_not_wait_for_ever(queue: Queue, worker: Worker) -> None:
    await queue.enqueue(tickets_of("low", 3, priority=10))
    await queue.enqueue(tickets_of("mid", 3, priority=30))
    await queue.enqueue(tickets_of("high", 3, priority=90))
    assert await queue.lift(3600) == 0, "nothing has waited for an hour"
    assert await queue.lift(0) == 3, "one of each user"
    assert await take_all(worker) == [
        *("low0000", "mid0000", "high0000", "high0001", "high0002", "mid0001", "mid0002", "low0001", "low0002")
    ]


async def test_a_lifted_step_that_comes_back_stays_lifted(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue(tickets_of("low", 2, priority=10))
    await queue.enqueue(tickets_of("high", 2, priority=90))
    assert await queue.lift(0) == 2
    assert await worker.link.release(await worker.claim()) == 1
    assert await take_all(Worker(client, "other")) == ["low0000", "high0000", "high0001", "low0001"]


@pytest.mark.parametrize("seed", range(5))
async def test_what_is_lifted_is_taken_before_whatever_comes_later(queue: Queue, worker: Worker, seed: int) -> None:
    """However much of high priority comes in, what a sweep lifted bounds the wait: one ticket of each user."""
    dice = random.Random(seed)
    low = {f"low{n}-" for n in range(5)}
    for user in low:
        await queue.enqueue(tickets_of(user, 2, priority=dice.randint(1, 20)))
    for round_ in range(6):
        for user in "xyz":
            await queue.enqueue(tickets_of(f"{user}{round_}-", dice.randint(1, 9), priority=dice.randint(50, 100)))
        assert not any(step.startswith("low") for step in ids(await worker.claim(dice.randint(1, 3))))
    lifted = await queue.lift(0)
    assert lifted >= len(low)
    await queue.enqueue(tickets_of("urgent", 30, priority=100))
    taken = ids(await worker.claim(lifted))
    assert {step[:5] for step in taken if step.startswith("low")} == low
    assert not any(step.startswith("urgent") for step in taken)
