"""What a run remembers of work that it began reaches the next attempt, whichever way the workers take to the queue."""

from typing import Any

import httpx2
import pytest
from tests.gateway.conftest import MakeSide
from tests.gateway.rig import add_key, http_side, redis_side
from tests.queue.helpers import ANYTHING, FINAL, RETRYABLE, Worker, become_due, lapse, make_ticket

from emprops.kit.database import Database
from emprops.queue.dispatch import Queue
from emprops.queue.messages import Claim, Limits
from emprops.queue.transport import AWAY, Beat

WORK = {"params": {"id": "1234567890123456789"}, "é": [1.5, None, "🌊"]}


async def ended(how: str, queue: Queue, client: Any, worker: Worker, claim: Claim) -> None:
    if how == "failed for now":
        assert await worker.finish(claim, RETRYABLE)
        await become_due(client, "s")
    elif how == "lost":
        await lapse(client, "s")
    else:
        assert await worker.link.release([claim]) == 1
    await queue.reclaim()


@pytest.mark.parametrize("how", ["failed for now", "lost", "handed back"])
async def test_the_next_attempt_knows_it(queue: Queue, client: Any, make: MakeSide, how: str) -> None:
    side = await make()
    await queue.enqueue([make_ticket("s")])
    claim = await side.worker.claim_one()
    assert claim.remembered is None
    assert await side.beat(Beat(claim, 5.0, "begun", remember={"id": "old"})) == set()
    assert await side.beat(Beat(claim, remember=WORK)) == set()
    assert await side.beat(Beat(claim, 7.0)) == set()
    for attempt in (2, 3):
        await ended(how, queue, client, side.worker, claim)
        claim = await side.worker.claim_one()
        assert (claim.attempt, claim.remembered) == (attempt, WORK)


async def test_a_repeated_claim_brings_it_too(queue: Queue, make: MakeSide) -> None:
    side = await make(cut=True)
    await queue.enqueue([make_ticket("s")])
    claim = await side.worker.claim_one()
    await side.beat(Beat(claim, remember=WORK))
    await side.link.release([claim])
    side.lose_answers()
    with pytest.raises(AWAY):
        await side.worker.claim()
    (again,) = await side.worker.claim()
    assert again.remembered == WORK


async def test_it_is_forgotten_when_told_so_and_with_the_run(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket("s", limits=Limits(max_failures=1))])
    claim = await side.worker.claim_one()
    await side.beat(Beat(claim, remember=WORK))
    await side.beat(Beat(claim, remember={}))
    await ended("failed for now", queue, client, side.worker, claim)
    claim = await side.worker.claim_one()
    assert claim.remembered is None
    await side.beat(Beat(claim, remember=WORK))
    assert await side.worker.finish(claim, RETRYABLE)
    assert await queue.ticket_states(["s"]) == ["dead"]
    assert await queue.enqueue([make_ticket("s", run=2)]) == ["new"]  # a dead letter that is offered again
    claim = await side.worker.claim_one()
    assert claim.remembered is None
    await side.beat(Beat(claim, remember=WORK))
    assert await queue.enqueue([make_ticket("s", run=3)]) == ["new"]  # sent again while it is claimed
    claim = await side.worker.claim_one()
    assert claim.remembered is None
    assert await side.worker.finish(claim, FINAL)


async def test_only_the_claim_at_hand_may_say_it(queue: Queue, client: Any, make: MakeSide) -> None:
    side, other = await make("one"), await make("two")
    await queue.enqueue([make_ticket("s")])
    first = await side.worker.claim_one()
    await ended("lost", queue, client, side.worker, first)
    second = await other.worker.claim_one()
    assert await side.beat(Beat(first, remember={"id": "of a worker that was paused"})) == {"s"}
    await other.beat(Beat(second, remember=WORK))
    await ended("handed back", queue, client, other.worker, second)
    assert (await other.worker.claim_one()).remembered == WORK


async def test_a_strangers_word_is_for_workers_of_its_own_key(
    queue: Queue, client: Any, engines: Any, url: str, key: str, database: Database
) -> None:
    """Whoever polls sends keys along: an id that a stranger made up must not be asked for with the operator's."""
    own, twin = [await http_side(client, url, key, name) for name in ("one", "two")]
    foreign = await http_side(client, url, await add_key(database, "worker"))
    trusted = await redis_side(engines, client, "trusted", ANYTHING, cut=False)
    await queue.enqueue([make_ticket("s")])
    claim = await own.worker.claim_one()
    await own.beat(Beat(claim, remember=WORK))
    holder = own
    for side, sees in ((foreign, None), (trusted, None), (twin, WORK)):
        await ended("handed back", queue, client, holder.worker, claim)
        holder, claim = side, await side.worker.claim_one()
        assert claim.remembered == sees
    await ended("handed back", queue, client, holder.worker, claim)
    claim = await trusted.worker.claim_one()
    await trusted.beat(Beat(claim, remember={"id": 1}))
    await ended("handed back", queue, client, trusted.worker, claim)
    assert (await foreign.worker.claim_one()).remembered == {"id": 1}
    for side in (own, twin, foreign, trusted):
        await side.close()


@pytest.mark.parametrize("work", [{"id": "x" * 5_000}, [1], "x"])
async def test_the_server_bounds_it(http: httpx2.AsyncClient, key: str, work: Any) -> None:
    beat = {"step": "s", "token": "ab" * 32, "remember": work}
    body = {"worker": "w", "machine": "m", "beats": [beat]}
    headers = {"x-api-key": key}
    answer = await http.post("/api/worker/beat", json=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert "remember" in answer.json()["error"]
