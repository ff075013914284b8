"""An idle worker is told at once when there is something for it. Its slow poll is 2 s; nothing here waits for that."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.queue.helpers import PREFIX, RETRYABLE, Worker, become_due, ids, lapse, make_ticket, with_models

from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.transport import Wake

AT_ONCE = 1.0
"""Seconds: generous for this machine, half of what the slow poll would take."""
LONG = 4.0


STARTED: list[asyncio.Task[Wake | None]] = []
"""Waits of the test at hand. Other things in this process wait too; theirs must not be touched."""


def start_wait(worker: Worker) -> asyncio.Task[Wake | None]:
    STARTED.append(asyncio.create_task(worker.link.wait(LONG)))
    return STARTED[-1]


async def go_idle(worker: Worker) -> asyncio.Task[Wake | None]:
    """Ask in vain, then wait to be woken."""
    assert await worker.claim() == []
    return start_wait(worker)


async def woken(*waits: asyncio.Task[Wake | None]) -> list[Wake | None]:
    async with asyncio.timeout(AT_ONCE):
        return list(await asyncio.gather(*waits))


@pytest.fixture(autouse=True)
async def no_wait_is_left_behind() -> AsyncIterator[None]:
    yield
    for task in STARTED:
        task.cancel()
    await asyncio.gather(*STARTED, return_exceptions=True)
    STARTED.clear()


async def is_idle(client: Any, worker: Worker) -> bool:
    key = f"{PREFIX}{KEYS.idle}{worker.link._class_of(worker.offers)}"
    return await client.zscore(key, worker.name) is not None


async def test_a_new_ticket_wakes_an_idle_worker(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("known-signature")])
    await worker.claim_one()
    wait = await go_idle(worker)
    await queue.enqueue([make_ticket("s", at=1)])
    assert await woken(wait) == ["work"]
    assert ids(await worker.claim()) == ["s"]


async def test_so_does_one_that_requires_what_was_never_seen(queue: Queue, worker: Worker) -> None:
    wait = await go_idle(worker)
    await queue.enqueue([make_ticket("s", models=["brand-new"])])
    assert await woken(wait) == ["work"]
    assert ids(await worker.claim()) == ["s"]


async def test_a_ticket_wakes_a_worker_that_can_run_it(queue: Queue, client: Any) -> None:
    able, unable = Worker(client, "able", with_models("a")), Worker(client, "unable", with_models("b"))
    await queue.enqueue([make_ticket("first", models=["a"])])
    await able.claim_one()
    assert await unable.claim() == []
    wait, other = await go_idle(able), await go_idle(unable)
    await queue.enqueue([make_ticket("s", models=["a"])])
    assert await woken(wait) == ["work"]
    assert not other.done()
    assert await is_idle(client, unable)


async def test_two_tickets_wake_two_workers(queue: Queue, client: Any) -> None:
    first, second = Worker(client, "first"), Worker(client, "second")
    await queue.enqueue([make_ticket("known-signature")])
    await first.claim_one()
    waits = [await go_idle(first), await go_idle(second)]
    await queue.enqueue([make_ticket("s"), make_ticket("t")])
    assert await woken(*waits) == ["work", "work"]


async def test_two_tickets_of_an_unknown_requirement_wake_two_workers(queue: Queue, client: Any) -> None:
    workers = {worker.name: worker for worker in (Worker(client, "first"), Worker(client, "second"))}
    waits = {name: await go_idle(worker) for name, worker in workers.items()}
    await queue.enqueue([make_ticket("s", models=["new"]), make_ticket("t", models=["new"])])
    async with asyncio.timeout(AT_ONCE):
        await asyncio.wait(waits.values(), return_when=asyncio.FIRST_COMPLETED)
    (name,) = [name for name, wait in waits.items() if wait.done()]
    assert len(await workers[name].claim()) == 1  # it judges the requirement, which wakes the other
    await woken(*waits.values())


async def test_a_retry_that_is_due_wakes(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    assert await worker.finish(await worker.claim_one(), RETRYABLE)
    wait = await go_idle(worker)
    await become_due(client, "s")
    assert (await queue.reclaim()).promoted == 1
    assert await woken(wait) == ["work"]
    assert ids(await worker.claim()) == ["s"]


async def test_a_lapsed_lease_wakes(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    await worker.claim_one()
    wait = await go_idle(Worker(client, "second"))
    await lapse(client, "s")
    assert (await queue.reclaim()).offered == 1
    assert await woken(wait) == ["work"]


async def test_a_hand_back_wakes(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await worker.claim_one()
    wait = await go_idle(Worker(client, "second"))
    await worker.link.release([claim])
    assert await woken(wait) == ["work"]


async def test_a_cancellation_wakes_the_worker_that_has_the_step(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    await worker.claim_one()
    wait = start_wait(worker)
    await queue.cancel([("s", 1)], "by the user")
    assert await woken(wait) == ["cancel"]
    await queue.enqueue([make_ticket("t")])
    await worker.claim_one()
    await queue.cancel([("t", 1)], "by the user")
    assert 0 < await client.ttl(f"{PREFIX}{KEYS.wake}{worker.name}") <= 60


async def test_only_an_empty_hand_waits(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket(f"s{n}") for n in range(3)])
    assert len(await worker.claim(2)) == 2
    assert not await is_idle(client, worker)
    assert len(await worker.claim(2)) == 1
    assert await is_idle(client, worker)
    await worker.link.turn([], 0, worker.offers)
    assert not await is_idle(client, worker)


async def test_a_worker_that_went_away_while_idle_does_not_swallow_wake_ups(queue: Queue, client: Any) -> None:
    gone, live = Worker(client, "gone"), Worker(client, "live")
    await queue.enqueue([make_ticket("known-signature")])
    await live.claim_one()
    assert await live.claim() == []
    assert await gone.claim() == []  # the last to ask, so the first to be woken
    wait = await go_idle(live)  # what its slow poll does within 2 s
    await queue.enqueue([make_ticket("s")])
    assert await woken(wait) == ["work"]


async def test_a_worker_that_leaves_the_line_passes_its_wake_up_on(queue: Queue, client: Any) -> None:
    """It was paused, say, just when it was woken."""
    first, last = Worker(client, "first"), Worker(client, "last")
    await queue.enqueue([make_ticket("known-signature")])
    await first.finish(await first.claim_one())
    waits = [await go_idle(first), await go_idle(last)]
    await queue.enqueue([make_ticket("s", at=1)])
    (told,) = (await asyncio.wait(waits, timeout=AT_ONCE, return_when=asyncio.FIRST_COMPLETED))[0]
    woke, other = (first, last) if told is waits[0] else (last, first)
    await woke.link.turn([], 0, woke.offers)
    assert await woken(*waits) == ["work", "work"]
    assert ids(await other.claim()) == ["s"]


async def test_a_mark_that_was_not_renewed_is_dropped(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("known-signature")])
    await worker.claim_one()
    assert await worker.claim() == []
    key = f"{PREFIX}{KEYS.idle}{worker.link._class_of(worker.offers)}"
    await client.zincrby(key, -20_000, worker.name)
    await queue.enqueue([make_ticket("s")])
    assert await client.exists(key, f"{PREFIX}{KEYS.wake}{worker.name}", PREFIX + KEYS.idle_classes) == 0


@pytest.mark.parametrize("seed", range(2))
async def test_no_wake_up_is_lost_between_asking_and_waiting(queue: Queue, client: Any, seed: int) -> None:
    dice = random.Random(seed)
    workers = [Worker(client, f"worker-{n}", with_models("a", "b")) for n in range(2)]
    enqueued = 0
    claimed: list[str] = []

    async def enqueue(step: int) -> None:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        await queue.enqueue([make_ticket(f"s{step:04}", at=step, models=[dice.choice("ab")])])

    async def work(worker: Worker, rounds: int) -> None:
        for _ in range(rounds):
            while not (claims := await worker.claim()):
                async with asyncio.timeout(AT_ONCE):
                    await worker.link.wait(LONG)
            claimed.extend(ids(claims))

    for _ in range(250):
        count = dice.choice((1, 2))
        busy = [asyncio.create_task(work(worker, 1)) for worker in dice.sample(workers, count)]
        await asyncio.gather(*busy, *(enqueue(enqueued + n) for n in range(count)))
        enqueued += count
    assert sorted(claimed) == [f"s{n:04}" for n in range(enqueued)]
