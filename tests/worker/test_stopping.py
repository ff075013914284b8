"""A worker that stops: what ends in time is reported, the rest goes back unharmed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.queue.helpers import Worker as OtherWorker
from tests.queue.helpers import ids, make_ticket
from tests.worker.rig import DONE, PATIENCE, ReportLog, Rig, forever

from emprops.connectors.base import Outcome, RunContext
from emprops.queue.dispatch import Queue
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Limits, Ticket
from emprops.queue.transport import Turn

MakeRig = Callable[..., Rig]


async def test_what_ends_within_the_grace_is_reported_as_it_ends(
    queue: Queue, make_rig: MakeRig, log: ReportLog
) -> None:
    gates = {name: asyncio.Event() for name in ("short", "middle", "long")}

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await gates[ticket.id].wait()
        return DONE

    rig = make_rig(body=work, concurrency=3)
    await queue.enqueue([*map(make_ticket, gates), make_ticket("waiting", at=1)])
    async with rig.working() as task:
        await rig.begun(*gates)
        rig.loop.stop()
        for name, gate in gates.items():
            assert not task.done()
            gate.set()
            await log.until(name, "completed")
    assert await queue.ticket_states(["waiting"]) == ["waiting"]
    assert await log.kinds("waiting") == []


async def test_a_claim_that_arrives_after_the_word_to_stop_is_handed_back_unbegun(
    queue: Queue, make_rig: MakeRig, log: ReportLog
) -> None:
    rig = make_rig(body=forever)
    turn = rig.loop.link.turn

    async def slow(finished: Any, want: int, offers: WorkerOffers) -> Turn:
        answer = await turn(finished, want, offers)
        if answer.claims:
            rig.loop.stop()
        return answer

    rig.loop.link.turn = slow  # type: ignore[method-assign]
    await queue.enqueue([make_ticket("s")])
    async with rig.working() as task:
        await asyncio.wait_for(asyncio.shield(task), PATIENCE)
    assert await log.kinds("s") == ["started", "released"]
    assert (rig.loop.counters.abandoned, len(rig.board)) == (0, 0)


async def test_what_does_not_is_handed_back(queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any) -> None:
    rig = make_rig(body=forever, concurrency=2, grace=0.05)
    await queue.enqueue([make_ticket("s", at=5, limits=Limits(0, 1)), make_ticket("t", at=6), make_ticket("u", at=7)])
    async with rig.working():
        await rig.begun("s", "t")
    assert await log.kinds("s") == ["started", "released"]
    assert ids(await OtherWorker(client, "other").claim(9)) == ["s", "t", "u"]
    assert len(rig.board) == 0


async def test_a_run_that_fails_of_being_stopped_is_handed_back_not_failed(
    queue: Queue, make_rig: MakeRig, log: ReportLog
) -> None:
    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        except asyncio.CancelledError:
            raise RuntimeError("the service says: interrupted") from None

    rig = make_rig(body=work, grace=0.0)
    await queue.enqueue([make_ticket("s", limits=Limits(0, 1))])
    async with rig.working():
        await rig.begun("s")
    assert await log.kinds("s") == ["started", "released"]


async def test_a_run_that_ends_well_although_it_was_stopped_is_reported(
    queue: Queue, make_rig: MakeRig, log: ReportLog
) -> None:
    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        except asyncio.CancelledError:
            return Outcome(data={"text": "just done"})

    rig = make_rig(body=work, grace=0.0)
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        await rig.begun("s")
    assert await log.kinds("s") == ["started", "completed"]


async def test_a_worker_that_stops_takes_no_more_wake_ups(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    go_on = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await go_on.wait()
        return DONE

    other = OtherWorker(client, "other")
    rig = make_rig(body=work, concurrency=2)
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        await rig.begun("s")
        assert await other.claim() == []
        wait = asyncio.create_task(other.link.wait(PATIENCE))
        left, turn = asyncio.Event(), rig.loop.link.turn

        async def noted(finished: Any, want: int, offers: WorkerOffers) -> Turn:
            answer = await turn(finished, want, offers)
            left.set()
            return answer

        rig.loop.link.turn = noted  # type: ignore[method-assign]
        rig.loop.stop()
        await left.wait()
        await queue.enqueue([make_ticket("t", at=1)])
        assert await asyncio.wait_for(wait, 1.0) == "work"
        go_on.set()


async def test_cancelling_the_loop_leaves_no_work_behind(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    stopped = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        finally:
            stopped.set()

    rig = make_rig(body=work)
    await queue.enqueue([make_ticket("s")])
    task = asyncio.create_task(rig.loop.run())
    await rig.begun("s")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()
    await rig.http.close()
