"""The heartbeat: a thread of its own, because work may block the event loop."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import redis
from tests.engines import Engines
from tests.queue.helpers import PREFIX, make_ticket
from tests.queue.proxy import Proxy
from tests.worker.rig import DONE, PATIENCE, ReportLog, Rig, forever, nothing

from emprops.connectors.base import Outcome, RunContext
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet, WorkerInfo
from emprops.queue.keys import KEYS
from emprops.queue.messages import Preview, Ticket

MakeRig = Callable[..., Rig]


async def test_leases_are_renewed_while_the_event_loop_is_blocked(
    queue: Queue, make_rig: MakeRig, log: ReportLog, engines: Engines
) -> None:
    async def block(ticket: Ticket, context: RunContext) -> Outcome:
        lapsed = 0
        with redis.Redis(unix_socket_path=engines.redis_socket) as blocking:
            begun = time.monotonic()
            while time.monotonic() - begun < 1.5:  # longer than the lease
                seconds, micros = blocking.time()
                lease = blocking.zscore(PREFIX + KEYS.leases, "s")
                lapsed += lease is None or lease < seconds * 1000 + micros / 1000
                time.sleep(0.02)  # noqa: ASYNC251 - the misbehaviour under test
        return Outcome(data={"lapsed": lapsed})

    rig = make_rig(body=block, lease=1.0)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(), rig.working():
        completed = await log.until("s", "completed")
    assert completed.finished is not None
    assert completed.finished.data == {"lapsed": 0}
    assert rig.loop.counters.abandoned == 0


async def test_progress_is_throttled_and_rises(queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any) -> None:
    own_log = ReportLog(client)

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        for percent in (20.0, 60.0):
            for n in range(1000):
                context.progress(percent + n / 100, f"at {percent}")
                context.progress(percent - 15, "behind")
            await own_log.until_progress(ticket.id, percent)
        return DONE

    rig = make_rig(body=work)
    begun = time.monotonic()
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(progress_interval=0.05), rig.working():
        await log.until("s", "completed")
    told = [report.progress for report in log.seen if report.progress is not None]
    assert told == sorted(set(told))
    assert 2 <= len(told) <= (time.monotonic() - begun) / 0.05 + 1
    assert log.seen[-1].kind == "completed"


async def test_progress_is_published_as_specified(queue: Queue, make_rig: MakeRig, client: Any) -> None:
    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        context.progress(37.5, "sampling")
        return await forever(ticket, context)

    rig = make_rig(body=work, grace=0.0)
    async with client.pubsub() as listener:
        await listener.subscribe("job:progress:s")
        await listener.get_message(timeout=1)
        await queue.enqueue([make_ticket("s")])
        async with rig.beating(), rig.working():
            message = await listener.get_message(timeout=PATIENCE)
    told = orjson.loads(message["data"])
    assert abs(told.pop("timestamp") - time.time() * 1000) < 60_000
    assert told == {
        "job_id": "s",
        "progress": 37.5,
        "message": "sampling",
        "worker_id": "worker-1",
        "machine_id": "machine",
    }


async def test_a_heart_that_cannot_renew_stops_the_work_before_the_lease_ends(
    queue: Queue, make_rig: MakeRig, log: ReportLog, proxy: Proxy, client: Any
) -> None:
    stopped = asyncio.Event()
    seen_by_thread = threading.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        def in_thread() -> None:
            while not context.cancelled():
                time.sleep(0.001)
            seen_by_thread.set()

        thread = asyncio.ensure_future(asyncio.to_thread(in_thread))
        try:
            return await forever(ticket, context)
        finally:
            await thread
            stopped.set()

    rig = make_rig(body=work, lease=3.0, heart_url=proxy.url)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(), rig.working():
        await rig.begun("s")
        proxy.go_down()
        async with asyncio.timeout(PATIENCE):
            await stopped.wait()
        lease = await client.zscore(PREFIX + KEYS.leases, "s")
        seconds, micros = await client.time()
        assert seconds * 1000 + micros / 1000 < lease
        assert seen_by_thread.is_set()
        assert len(rig.board) == 0
        proxy.come_up()
    assert await log.kinds("s") == ["started"]  # no failure: the lease lapses and another gets it
    assert rig.loop.counters.abandoned == 1


async def test_progress_made_while_redis_was_away_is_told_afterwards(
    queue: Queue, make_rig: MakeRig, log: ReportLog, proxy: Proxy
) -> None:
    rig = make_rig(body=forever, grace=0.0, heart_url=proxy.url)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(), rig.working():
        await rig.begun("s")
        proxy.go_down()
        rig.board.progress(rig.board.claims()[0], 70.0, "nearly there")
        async with asyncio.timeout(PATIENCE):
            await proxy.refused.wait()
        proxy.come_up()
        await log.until_progress("s", 70.0)


async def test_a_failure_of_work_that_was_told_to_stop_is_not_the_steps(
    queue: Queue, make_rig: MakeRig, log: ReportLog
) -> None:
    """Told from the heartbeat's thread, a run may fail of it before its cancellation arrives."""

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        rig.board.lose(rig.board.claims())
        raise RuntimeError("stopped in the middle")

    rig = make_rig(body=work)
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        await rig.begun("s")
    assert await log.kinds("s") == ["started"]
    assert (rig.loop.counters.failed, rig.loop.counters.abandoned) == (0, 1)


async def test_a_heart_survives_what_it_does_not_expect(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    rig = make_rig(body=forever, grace=0.0, lease=0.8)
    good, beaten = rig.describe, threading.Event()

    def describe() -> WorkerInfo:
        if beaten.is_set():
            return good()
        beaten.set()
        raise ValueError("nobody thought of this")

    rig.describe = describe  # type: ignore[method-assign]
    async with rig.beating() as heartbeat:
        await asyncio.to_thread(beaten.wait, PATIENCE)
        async with rig.working():
            await queue.enqueue([make_ticket("s")])
            await rig.begun("s")
            rig.board.progress(rig.board.claims()[0], 5.0, "alive")
            await log.until("s", "progress")
        assert heartbeat.is_alive()


async def test_news_that_cannot_be_sent_keep_no_lease_from_being_renewed(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    """Whatever they hold: nothing of the kind comes so far, and if it did, it must not cost the work."""
    rig = make_rig(body=forever, grace=0.0)
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        await rig.begun("s")
        (claim,) = rig.board.claims()
        rig.board.preview(claim, Preview(b"x", "text/plain", "\ud800"))
        await client.zadd(PREFIX + KEYS.leases, {"s": 1})
        renewed = threading.Event()
        rig.board.renewed = lambda _beats, _at: renewed.set()  # type: ignore[method-assign]
        async with rig.beating():
            assert await asyncio.to_thread(renewed.wait, PATIENCE)
        assert await client.zscore(PREFIX + KEYS.leases, "s") > 1
        assert rig.loop.counters.lost_leases == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_heart_that_ends_takes_the_work_with_it(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    rig = make_rig(body=forever)
    good, ends = rig.describe, threading.Event()

    def describe() -> WorkerInfo:
        if ends.is_set():
            raise SystemExit  # what no handler of ordinary errors catches
        return good()

    rig.describe = describe  # type: ignore[method-assign]
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    async with rig.beating(), rig.working() as task:
        await rig.begun("s")
        ends.set()
        await asyncio.wait_for(asyncio.shield(task), PATIENCE)
        ends.clear()
    assert await log.kinds("s") == ["started"]  # its lease lapses, and another worker gets it
    assert (len(rig.board), rig.loop.counters.lost_leases) == (0, 1)
    assert await queue.ticket_states(["t"]) == ["waiting"]


async def test_a_worker_is_in_the_fleet_while_it_works(queue: Queue, make_rig: MakeRig, client: Any) -> None:
    fleet = Fleet(client, PREFIX)
    rig = make_rig(body=nothing)
    announced, good = threading.Event(), rig.describe

    def describe() -> WorkerInfo:
        announced.set()
        return good()

    rig.describe = describe  # type: ignore[method-assign]
    async with rig.beating(progress_interval=0.01):
        async with client.pubsub() as listener:
            await listener.subscribe("worker:status:worker-1")
            await listener.get_message(timeout=1)
            await asyncio.to_thread(announced.wait, PATIENCE)
            while not await fleet.workers():
                await listener.get_message(timeout=0.05)
        assert [worker.worker_id for worker in await fleet.workers()] == ["worker-1"]
    assert await fleet.workers() == []
    await rig.http.close()
