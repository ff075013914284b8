"""Claims that are no longer ours, and Redis away: nothing is reported twice, nothing finished is lost."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import RedisError
from tests.queue.helpers import Worker as OtherWorker
from tests.queue.helpers import lapse, make_ticket
from tests.queue.proxy import Proxy
from tests.worker.rig import DONE, PATIENCE, ReportLog, Rig, forever, nothing

from emprops.connectors.base import Outcome, RunContext
from emprops.kit.redis import connect
from emprops.queue.dispatch import Queue
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Ticket
from emprops.queue.transport import Turn

MakeRig = Callable[..., Rig]


# --- claims that are no longer ours


async def test_a_cancelled_step_stops_within_a_beat(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    """Not within a lease: the cancellation makes the worker ask at once."""
    stopped = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        finally:
            stopped.set()

    rig = make_rig(body=work)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(interval=2 * PATIENCE), rig.working():  # nobody would ask by himself within the test
        await rig.begun("s")
        await queue.cancel([("s", 1)], "by the user")
        async with asyncio.timeout(PATIENCE):
            await stopped.wait()
    assert await log.kinds("s") == ["started"]
    assert (rig.loop.counters.abandoned, len(rig.board)) == (1, 0)


async def test_a_lost_claim_stops_the_work_and_reports_nothing(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    stopped = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        finally:
            stopped.set()

    rig = make_rig(body=work)
    other = OtherWorker(client, "other")
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        await rig.begun("s")
        await lapse(client, "s")
        await queue.reclaim()
        claim = await other.claim_one()
        async with rig.beating():
            async with asyncio.timeout(PATIENCE):
                await stopped.wait()
        assert await other.finish(claim)
    assert await log.kinds("s") == ["started", "lost", "started", "completed"]


async def test_a_result_that_comes_too_late_is_counted_and_changes_nothing(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    go_on = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await go_on.wait()
        return DONE

    rig = make_rig(body=work)
    other = OtherWorker(client, "other")
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        await rig.begun("s")
        await lapse(client, "s")
        await queue.reclaim()
        claim = await other.claim_one()
        go_on.set()
        await queue.enqueue([make_ticket("next")])
        await log.until("next", "completed")
        assert rig.loop.counters.late == 1
        assert await other.finish(claim)
    assert await log.kinds("s") == ["started", "lost", "started", "completed"]


async def test_the_same_step_claimed_again_while_its_old_work_still_stops(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    """Each run keeps its own slot, and the end of the old one takes nothing from the new one."""
    may_end = asyncio.Event()
    runs = 0

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        nonlocal runs
        runs += 1
        if runs > 1:
            return DONE
        try:
            return await forever(ticket, context)
        finally:
            await may_end.wait()  # a service that takes its time to stop

    rig = make_rig(body=work, concurrency=2)
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        await rig.begun("s")
        await lapse(client, "s")
        await queue.reclaim()
        await log.until("s", "completed")
        assert rig.loop.lanes.free == 1
        may_end.set()
    assert rig.loop.lanes.free == 2
    assert await log.kinds("s") == ["started", "lost", "started", "completed"]


# --- Redis away


async def test_what_was_finished_while_redis_was_away_is_reported_afterwards(
    queue: Queue, make_rig: MakeRig, log: ReportLog, proxy: Proxy
) -> None:
    go_on = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await go_on.wait()
        return Outcome(data={"text": "still here"})

    client = connect(proxy.url)
    rig = make_rig(client=client, body=work)
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    async with rig.working():
        await rig.begun("s")
        proxy.go_down()
        go_on.set()
        async with asyncio.timeout(PATIENCE):
            await proxy.refused.wait()
        assert await log.kinds("s") == ["started"]
        proxy.come_up()
        completed = await log.until("s", "completed")
        await log.until("t", "completed")
    assert completed.finished is not None
    assert completed.finished.data == {"text": "still here"}
    assert (await log.kinds("s"), await log.kinds("t")) == (["started", "completed"],) * 2
    await client.aclose()


async def test_connections_cut_by_redis_lose_nothing(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    own = connect(client.connection_pool.connection_kwargs["path"].join(["unix://", ""]))
    rig = make_rig(client=own, body=nothing, concurrency=3)
    async with rig.working():
        for round_ in range(3):
            await queue.enqueue([make_ticket(f"s{round_}-{n}", at=n) for n in range(10)])
            await client.client_kill_filter(_type="normal", skipme=True)
            for n in range(10):
                await log.until(f"s{round_}-{n}", "completed")
    assert rig.loop.counters.completed == 30
    for report in log.seen:
        assert report.kind in {"started", "completed"}
        assert report.attempt == 1
    await own.aclose()


async def test_an_outage_does_not_keep_the_worker_from_stopping(
    queue: Queue, make_rig: MakeRig, log: ReportLog, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emprops.worker.loop.STOP_TIME", 0.2)
    go_on = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await go_on.wait()
        return DONE

    client = connect(proxy.url)
    rig = make_rig(client=client, body=work, grace=0.2)
    await queue.enqueue([make_ticket("s")])
    async with rig.working() as task:
        await rig.begun("s")
        proxy.go_down()
        go_on.set()
        async with asyncio.timeout(PATIENCE):
            await proxy.refused.wait()
            rig.loop.stop()
            await task
    await client.aclose()
    assert await queue.ticket_states(["s"]) == ["claimed"]  # its lease will lapse


async def test_an_emptied_redis_stops_the_work_and_the_step_runs_again(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    runs = 0
    stopped = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        nonlocal runs
        runs += 1
        if runs > 1:
            return DONE
        try:
            return await forever(ticket, context)
        finally:
            stopped.set()

    rig = make_rig(body=work, lease=2.0)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(), rig.working():
        await rig.begun("s")
        await client.flushall()
        await client.script_flush()
        async with asyncio.timeout(PATIENCE):
            await stopped.wait()
        await queue.enqueue([make_ticket("s", attempts_before=1)])  # what the rebuild from PostgreSQL does
        completed = await ReportLog(client).until("s", "completed")
    assert completed.attempt == 2


async def test_a_full_redis_delays_the_report_and_loses_nothing(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    go_on, refused = asyncio.Event(), asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await go_on.wait()
        return Outcome(data={"text": "kept"})

    rig = make_rig(body=work)
    turn = rig.loop.link.turn

    async def watched(finished: Any, want: int, offers: WorkerOffers) -> Turn:
        try:
            return await turn(finished, want, offers)
        except RedisError:
            refused.set()
            raise

    rig.loop.link.turn = watched  # type: ignore[method-assign]
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        await rig.begun("s")
        await client.config_set("maxmemory", 1)
        try:
            go_on.set()
            async with asyncio.timeout(PATIENCE):
                await refused.wait()
            with pytest.raises(RedisError, match="used memory > 'maxmemory'"):
                await queue.enqueue([make_ticket("t")])
        finally:
            await client.config_set("maxmemory", 0)
        await log.until("s", "completed")
    assert await log.kinds("s") == ["started", "completed"]
