"""A ticket goes first to a worker that has its models loaded, and to anybody once it has waited long enough."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis
from tests.engines import Engines
from tests.queue.helpers import PREFIX, RETRYABLE, Worker, become_due, ids, make_ticket, with_models

from emprops.queue.dispatch import Queue
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.keys import KEYS
from emprops.queue.matching import class_of
from emprops.queue.messages import Finished
from emprops.queue.worker_link import Settled, Wake

AT_ONCE = 1.0
"""Seconds: half of what the slow poll would take."""
MakeWorker = Callable[..., Worker]


@pytest.fixture
def queue(client: Any) -> Queue:
    return Queue(client, affinity_wait=60.0)


@pytest.fixture
def blocking(engines: Engines) -> Any:
    with redis.Redis(unix_socket_path=engines.redis_socket) as blocking:
        yield blocking


@pytest.fixture
def announced(client: Any, blocking: Any) -> MakeWorker:
    """Workers that have told the fleet of themselves."""

    def make(name: str, *models: str) -> Worker:
        worker = Worker(client, name, with_models(*(models or ("a", "b"))))
        FleetMember(blocking, PREFIX).announce(info(worker))
        return worker

    return make


def info(worker: Worker) -> WorkerInfo:
    return WorkerInfo(worker.name, "m", "idle", worker.offers, 1)


@pytest.fixture
async def waits() -> AsyncIterator[Callable[[Worker], asyncio.Task[Wake | None]]]:
    """Workers that wait to be woken, until the test is over."""
    started: list[asyncio.Task[Wake | None]] = []

    def start(worker: Worker) -> asyncio.Task[Wake | None]:
        started.append(asyncio.create_task(worker.link.wait(4.0)))
        return started[-1]

    yield start
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)


async def warm_up(queue: Queue, worker: Worker, *models: str) -> None:
    """Let a worker run a step, and wait for more: it has these models loaded then."""
    name = f"before-{worker.name}-{'-'.join(models)}"
    await queue.enqueue([make_ticket(name, priority=90, models=models)])
    claim = await worker.claim_one()
    assert claim.ticket.id == name
    await worker.link.turn([Settled(claim, Finished())], 1, worker.offers)


async def pass_wait(client: Any, *steps: str) -> None:
    """Let these tickets have waited long enough."""
    for step in steps:
        assert await client.hset(f"{PREFIX}{KEYS.ticket}{step}", "warm_until", 1) == 0
    for sig in await client.zrange(PREFIX + KEYS.held, 0, -1):
        await client.zadd(PREFIX + KEYS.held, {sig: 1})


async def test_a_new_ticket_is_left_to_the_worker_that_has_its_models(queue: Queue, announced: MakeWorker) -> None:
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    await queue.enqueue([make_ticket("s", models=["a"])])
    assert await cold.claim() == []
    assert ids(await warm.claim()) == ["s"]


async def test_after_the_wait_anybody_takes_it(queue: Queue, announced: MakeWorker, client: Any) -> None:
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    await queue.enqueue([make_ticket("s", models=["a"])])
    assert await cold.claim() == []
    await pass_wait(client, "s")
    assert ids(await cold.claim()) == ["s"]


async def test_the_warm_worker_is_woken_and_the_others_are_when_the_wait_is_over(
    queue: Queue, announced: MakeWorker, client: Any, waits: Callable[[Worker], asyncio.Task[Wake | None]]
) -> None:
    warm, cold, third = announced("warm"), announced("cold"), announced("third")
    await warm_up(queue, warm, "a")
    warm_wait = waits(warm)
    assert await cold.claim() == []  # the last to ask, who would be woken first
    cold_wait = waits(cold)
    await queue.enqueue([make_ticket("s", models=["a"])])
    async with asyncio.timeout(AT_ONCE):
        assert await warm_wait == "work"  # and it never asks
    assert not cold_wait.done()
    await queue.reclaim()
    assert not cold_wait.done()
    await pass_wait(client, "s")
    await queue.reclaim()
    async with asyncio.timeout(AT_ONCE):
        assert await cold_wait == "work"
    assert ids(await cold.claim()) == ["s"]
    assert await client.zcard(PREFIX + KEYS.held) == 0
    assert await third.claim() == []


async def test_workers_go_on_without_upkeep(
    queue: Queue, announced: MakeWorker, client: Any, waits: Callable[[Worker], asyncio.Task[Wake | None]]
) -> None:
    warm, cold, other = announced("warm"), announced("cold"), announced("other", "c")
    await warm_up(queue, warm, "a")
    assert await cold.claim() == []
    wait = waits(cold)
    await queue.enqueue([make_ticket("s", models=["a"])])
    await pass_wait(client, "s")
    assert await other.claim() == []  # it asks in vain, and sees what is due on the way
    async with asyncio.timeout(AT_ONCE):
        assert await wait == "work"


async def test_a_warm_worker_that_is_at_work_is_not_waited_for(queue: Queue, announced: MakeWorker) -> None:
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    await queue.enqueue([make_ticket(name, models=["a"]) for name in ("s", "t")])
    assert ids(await warm.claim()) == ["s"]
    assert ids(await cold.claim()) == ["t"]


@pytest.mark.parametrize("how", ["silent", "left", "unable"])
async def test_a_worker_that_is_gone_keeps_nothing_back(
    queue: Queue, announced: MakeWorker, client: Any, blocking: Any, how: str
) -> None:
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    worker_class = class_of(warm.offers)
    if how == "silent":
        await client.zadd(f"{PREFIX}{KEYS.idle}{worker_class}", {"warm": 1})
        await client.zadd(f"{PREFIX}{KEYS.members}{worker_class}", {"warm": 1})
    elif how == "left":
        FleetMember(blocking, PREFIX).withdraw(info(warm))
    requires = {"custom_nodes": ["new"]} if how == "unable" else {}
    if how == "unable":
        cold.offers = {"noop": cold.offers["noop"].__class__(models=frozenset({"a"}), custom_nodes=frozenset({"new"}))}
    await queue.enqueue([make_ticket("s", models=["a"], **requires)])  # type: ignore[arg-type]
    assert ids(await cold.claim()) == ["s"]
    models = [key async for key in client.scan_iter(f"{PREFIX}{KEYS.warm}*")]
    known = await client.hkeys(models[0])
    assert (b"warm" in known) == (how == "unable")


async def test_no_more_tickets_are_left_than_there_are_warm_workers(queue: Queue, announced: MakeWorker) -> None:
    """So that any number of them cannot hide what is behind."""
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    await queue.enqueue([make_ticket(f"s{n:03}", at=n, models=["a"]) for n in range(400)])
    assert ids(await cold.claim(3)) == ["s001", "s002", "s003"]
    assert ids(await warm.claim()) == ["s000"]
    assert len(await cold.claim(500)) == 396


async def test_what_is_left_does_not_keep_a_worker_from_other_tickets(queue: Queue, announced: MakeWorker) -> None:
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    await queue.enqueue([make_ticket("s", models=["a"]), make_ticket("t", at=1, models=["b"])])
    assert ids(await cold.claim()) == ["t"]


async def test_models_are_pushed_out_by_what_a_worker_takes_next(queue: Queue, announced: MakeWorker) -> None:
    worker, cold = announced("worker"), announced("cold")
    await warm_up(queue, worker, "a")
    await warm_up(queue, worker, "b")
    await queue.enqueue([make_ticket("s", models=["a"]), make_ticket("t", models=["b"])])
    assert ids(await cold.claim(2)) == ["s"]


async def test_a_worker_with_slots_has_loaded_what_it_runs(queue: Queue, announced: MakeWorker) -> None:
    worker, cold = announced("worker"), announced("cold")
    await queue.enqueue([make_ticket("running", priority=90, models=["a"])])
    running = await worker.claim_one()
    await warm_up(queue, worker, "b")
    await queue.enqueue([make_ticket("s", models=["a"]), make_ticket("t", at=1, models=["b"])])
    assert await cold.claim(2) == []
    claims = await worker.claim()
    assert ids(claims) == ["s"]
    assert await worker.finish(running)


async def test_custom_nodes_do_not_push_models_out(queue: Queue, client: Any, announced: MakeWorker) -> None:
    able = {"noop": with_models("a")["noop"].__class__(frozenset({"a"}), frozenset({"nodes"}))}
    warm, cold = announced("warm"), announced("cold")
    warm.offers = cold.offers = able
    await warm_up(queue, warm, "a")
    await queue.enqueue([make_ticket("s", models=["a"], custom_nodes=["nodes"])])
    await warm.claim(0)  # it judges the new requirement
    assert ids(await warm.claim()) == ["s"]


async def test_a_step_that_failed_on_the_warm_worker_is_not_kept_for_it(
    queue: Queue, announced: MakeWorker, client: Any
) -> None:
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    await queue.enqueue([make_ticket("s", models=["a"])])
    claim = await warm.claim_one()
    await warm.link.turn([Settled(claim, RETRYABLE)], 1, warm.offers)
    await become_due(client, "s")
    assert ids(await cold.claim()) == ["s"]


async def test_nothing_is_kept_when_redis_has_forgotten(queue: Queue, announced: MakeWorker, client: Any) -> None:
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    await client.flushall()
    await queue.enqueue([make_ticket("s", models=["a"])])
    assert ids(await cold.claim()) == ["s"]


@pytest.mark.parametrize("models", [[], ["a"]])
async def test_tickets_without_models_pay_nothing(
    client: Any, queue: Queue, announced: MakeWorker, models: list[str]
) -> None:
    """Counted in commands, with a warm worker about and with the wait switched off."""
    warm, cold = announced("warm"), announced("cold")
    await warm_up(queue, warm, "a")
    spent = []
    for name, way_in in (("s", Queue(client)), ("t", queue)):
        await way_in.enqueue([make_ticket(f"first-{name}", models=models)])
        await cold.claim(2)
        await warm.claim(1)
        await client.config_resetstat()
        await way_in.enqueue([make_ticket(name, models=models)])
        await cold.link.turn([], 1, cold.offers)
        stats = await client.info("commandstats")
        spent.append(sum(stat["calls"] for kind, stat in stats.items() if kind.startswith(("cmdstat_h", "cmdstat_z"))))
    assert (spent[0] == spent[1]) == (models == [])
