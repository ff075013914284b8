"""A script runs, its reply is lost: the worker must learn what it was given, and nobody may be given it twice."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from tests.engines import Engines
from tests.queue.helpers import PREFIX, RETRYABLE, Worker, ids, kinds, make_ticket
from tests.queue.proxy import Proxy

from emprops.kit.redis import connect
from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.matching import Offer, WorkerOffers, class_of
from emprops.queue.messages import Finished
from emprops.queue.transport import Settled


@pytest.fixture
async def proxy(engines: Engines) -> AsyncIterator[Proxy]:
    async with Proxy(engines.redis_socket, engines.folder / "proxy.sock").serving() as proxy:
        yield proxy


@pytest.fixture
async def behind(proxy: Proxy, queue: Queue) -> AsyncIterator[Worker]:
    """A worker that reaches Redis through the proxy, and has judged the signature that these tests use."""
    client = connect(proxy.url)
    worker = Worker(client, "behind-the-proxy")
    await queue.enqueue([make_ticket("first")])
    await worker.finish(await worker.claim_one())
    yield worker
    await client.aclose()


async def test_a_claim_whose_answer_was_lost_is_answered_alike(
    queue: Queue, client: Any, proxy: Proxy, behind: Worker
) -> None:
    await queue.enqueue([make_ticket(f"s{n}", at=n) for n in range(5)])
    proxy.cuts = 1
    claims = await behind.claim(2)
    assert (proxy.cuts, ids(claims)) == (0, ["s0", "s1"])
    assert await queue.ticket_states(["s0", "s1", "s2"]) == ["claimed", "claimed", "waiting"]
    assert await kinds(client, "s0") == ["started"]
    assert ids(await behind.claim(2)) == ["s2", "s3"]  # a new question gets a new answer


async def test_it_is_still_answered_alike_after_a_longer_outage(
    queue: Queue, client: Any, proxy: Proxy, behind: Worker
) -> None:
    await queue.enqueue([make_ticket(f"s{n}", at=n) for n in range(5)])
    proxy.cuts = 2  # the call and its repetition
    with pytest.raises(RedisConnectionError):
        await behind.claim(2)
    claims = await behind.claim(2)
    assert ids(claims) == ["s0", "s1"]
    assert await queue.ticket_states(["s2"]) == ["waiting"]
    assert all([await behind.finish(claim) for claim in claims])


async def test_a_worker_that_wants_nothing_more_still_learns_what_it_holds(
    queue: Queue, proxy: Proxy, behind: Worker
) -> None:
    await queue.enqueue([make_ticket("s")])
    proxy.cuts = 2
    with pytest.raises(RedisConnectionError):
        await behind.claim()
    turn = await behind.link.turn([], 0, behind.offers)
    assert ids(turn.claims) == ["s"]
    assert await behind.link.release(turn.claims) == 1


async def test_a_repeated_call_says_that_there_may_be_more(queue: Queue, proxy: Proxy, behind: Worker) -> None:
    """The claims may be another lane's, whose turn it was; the one that asks now has had no look yet."""
    await queue.enqueue([make_ticket("s")])
    proxy.cuts = 2
    with pytest.raises(RedisConnectionError):
        await behind.claim()
    await queue.enqueue([make_ticket("t", job_type="other")])
    other: WorkerOffers = {"other": Offer()}
    turn = await behind.link.turn([], 1, other)
    assert (ids(turn.claims), turn.more) == (["s"], True)
    turn = await behind.link.turn([], 1, other)
    assert (ids(turn.claims), turn.more) == (["t"], False)


async def test_who_wants_nothing_more_leaves_the_line_that_the_lost_call_had_joined(
    queue: Queue, client: Any, proxy: Proxy, behind: Worker
) -> None:
    """Else a worker that was paused during an outage would take a wake-up from those that could use it."""
    await queue.enqueue([make_ticket("s")])
    line = f"{PREFIX}{KEYS.idle}{class_of(behind.offers)}"
    proxy.cuts = 2
    with pytest.raises(RedisConnectionError):
        await behind.claim(2)
    assert await client.zscore(line, behind.name) > 0
    assert ids((await behind.link.turn([], 0, behind.offers)).claims) == ["s"]
    assert await client.zscore(line, behind.name) is None


@pytest.mark.parametrize("outcome", [Finished(), RETRYABLE])
async def test_a_result_whose_answer_was_lost_is_recorded_once_and_accepted(
    queue: Queue, client: Any, proxy: Proxy, behind: Worker, outcome: Finished
) -> None:
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    claim = await behind.claim_one()
    proxy.cuts = 1
    turn = await behind.link.turn([Settled(claim, outcome)], 1, behind.offers)
    assert (ids(turn.claims), turn.late) == (["t"], ())
    assert await kinds(client, "s") == ["started", "completed" if outcome.failure is None else "retrying"]


async def test_a_repeated_claim_leaves_out_what_was_lost_meanwhile(
    queue: Queue, client: Any, proxy: Proxy, behind: Worker
) -> None:
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    proxy.cuts = 2
    with pytest.raises(RedisConnectionError):
        await behind.claim(2)
    await queue.cancel([("s", 1)], "by the user")
    assert ids(await behind.claim(2)) == ["t"]
