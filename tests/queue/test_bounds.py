"""What a call costs Redis, counted in commands: the same whatever waits, runnable or not."""

from typing import Any

import pytest
from tests.queue.helpers import Worker, ids, make_ticket, with_models

from emprops.queue.dispatch import Queue
from emprops.queue.messages import Finished
from emprops.queue.transport import Settled

MANY = 20_000


async def cost(client: Any, call: Any) -> tuple[int, Any]:
    """Commands that Redis carried out for one call."""
    await client.config_resetstat()
    answer = await call
    stats = await client.info("commandstats")
    own = {"cmdstat_evalsha", "cmdstat_config", "cmdstat_config|resetstat", "cmdstat_info"}
    return sum(entry["calls"] for name, entry in stats.items() if name not in own), answer


async def one_cycle(queue: Queue, client: Any, worker: Worker, name: str) -> list[int]:
    """Cost of putting a ticket in, claiming one, finishing it while claiming the next, and a sweep."""
    enqueued, _ = await cost(client, queue.enqueue([make_ticket(name, at=0, models=["mine"])]))
    claimed, claims = await cost(client, worker.claim())
    settled = [Settled(claims[0], Finished())]
    finished, turn = await cost(client, worker.link.turn(settled, 1, worker.offers))
    await worker.link.release(turn.claims)
    swept, _ = await cost(client, queue.reclaim())
    return [enqueued, claimed, finished, swept]


async def test_the_cost_of_a_step_does_not_depend_on_what_waits(queue: Queue, client: Any) -> None:
    worker = Worker(client, offers=with_models("mine"))
    await queue.enqueue([make_ticket(f"before-{n}", at=5 + n, models=["mine"]) for n in range(3)])
    await worker.claim_one()
    base = await one_cycle(queue, client, worker, "a")
    await queue.enqueue([make_ticket(f"mine-{n:05}", at=n, models=["mine"]) for n in range(MANY)])
    await queue.enqueue([make_ticket(f"other-{n:05}", at=n, priority=99, models=["other"]) for n in range(MANY)])
    await worker.link.turn([], 0, worker.offers)
    assert ids(await worker.claim()) == ["before-1"]  # handed back before; and with it the new signature is judged
    assert await one_cycle(queue, client, worker, "aa") == pytest.approx(base, abs=4)


async def test_signatures_that_others_emptied_are_not_all_visited_at_once(queue: Queue, client: Any) -> None:
    """And the worker is told to call again rather than to wait."""
    names = [f"model-{n:04}" for n in range(600)]
    first, second = Worker(client, "first", with_models(*names)), Worker(client, "second", with_models(*names, "own"))
    await queue.enqueue([make_ticket("before", at=-1, models=["own"])])
    await second.claim_one()
    await queue.enqueue([make_ticket(f"s-{name}", at=n, models=[name]) for n, name in enumerate(names)])
    assert await second.claim(0) == []
    await queue.enqueue([make_ticket("low", at=9999, priority=1, models=["own"])])
    await second.link.release(await second.claim())  # it knows all signatures now
    assert len(await first.claim(600)) == 600
    calls = 0
    while True:
        spent, turn = await cost(client, second.link.turn([], 1, second.offers))
        calls += 1
        assert spent < 300
        if turn.claims:
            break
        assert turn.more
    assert ids(turn.claims) == ["low"]
    assert calls > 5


async def test_a_turn_promotes_a_bounded_number_of_retries(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket(f"s{n:03}", at=n) for n in range(200)])
    failed = Finished(failure="retryable", error="x", retry_after=0.001)
    claims = await worker.claim(200)
    turn = await worker.link.turn([Settled(claim, failed) for claim in claims], 0, worker.offers)
    assert turn.late == ()
    await client.zadd("emprops:delayed", dict.fromkeys(ids(claims), 1))
    spent, turn = await cost(client, worker.link.turn([], 1, worker.offers))
    assert ids(turn.claims) == ["s000"]
    assert spent < 700
    assert (await queue.reclaim(limit=40)).promoted == 40
