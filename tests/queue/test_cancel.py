"""Cancellation, in whatever state it meets a ticket; also before the ticket."""

from typing import Any

from tests.queue.helpers import (
    PREFIX,
    RETRYABLE,
    Worker,
    ids,
    make_ticket,
    reports,
)

from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.messages import Limits


async def test_cancel_in_each_state(queue: Queue, client: Any, worker: Worker) -> None:
    names = ["claimed", "delayed", "dead", "finished", "waiting"]
    await queue.enqueue(
        [make_ticket(name, at=n, limits=Limits(0 if name == "dead" else 3)) for n, name in enumerate(names)]
    )
    claimed, delayed, dead, finished = await worker.claim(4)
    for claim in (delayed, dead):
        assert await worker.finish(claim, RETRYABLE)
    assert await worker.finish(finished)
    pairs = [(name, 1) for name in names]
    assert await queue.cancel(pairs, "by the user") == ["claimed", "delayed", "dead", "unknown", "waiting"]
    assert await queue.ticket_states(names) == [None] * 5
    attestations = [await queue.attestation(name, 1) for name in names]
    assert [attestation and attestation["kind"] for attestation in attestations] == [
        "cancelled",
        "cancelled",
        "failed",  # what had ended before stays as it ended
        "completed",
        "cancelled",
    ]
    assert attestations[0] is not None
    assert attestations[0]["reason"] == "by the user"
    assert await worker.claim(9) == []
    assert not await worker.finish(claimed)
    assert [report.kind for report in await reports(client, "claimed")] == ["started"]
    assert await queue.cancel(pairs, "again") == ["unknown"] * 5
    for key in (KEYS.leases, KEYS.delayed, KEYS.dead):
        assert await client.exists(PREFIX + key) == 0


async def test_a_cancelled_step_does_not_come_back(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    await queue.cancel([("s", 1)], "by the user")
    assert await queue.enqueue([make_ticket("s")]) == ["finished"]
    assert await worker.claim() == []
    assert await reports(client) == []
    assert await queue.enqueue([make_ticket("s", run=2)]) == ["new"]
    assert ids(await worker.claim()) == ["s"]


async def test_a_ticket_that_arrives_after_its_cancellation_is_turned_away(
    queue: Queue, client: Any, worker: Worker
) -> None:
    assert await queue.cancel([("on-its-way", 1)], "the job has ended") == ["unknown"]
    assert await queue.enqueue([make_ticket("on-its-way")]) == ["finished"]
    assert await worker.claim() == []
    assert await reports(client) == []
    assert 0 < await client.ttl(f"{PREFIX}{KEYS.attestation}on-its-way:1") <= 3600


async def test_cancelling_an_old_run_leaves_the_new_one_alone(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s", run=2)])
    assert await queue.cancel([("s", 1)], "late") == ["unknown"]
    claim = await worker.claim_one()
    assert claim.ticket.run == 2
    assert await worker.finish(claim)
