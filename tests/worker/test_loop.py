"""The worker's loop: claim, run, report, within its slots, without noise when there is nothing to do."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.queue.helpers import Worker as OtherWorker
from tests.queue.helpers import ids, lapse, make_ticket
from tests.queue.proxy import Proxy
from tests.worker.rig import PATIENCE, ReportLog, Rig, forever, nothing

from emprops.connectors.base import Outcome, Produced, RunContext
from emprops.kit.redis import connect
from emprops.queue.claims import Queue
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Claim, Limits, Ticket
from emprops.queue.worker_link import Settled, Turn, Wake

MakeRig = Callable[..., Rig]


async def test_files_are_stored_before_the_outcome_is_reported(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any, tmp_path: Path
) -> None:
    async def paint(ticket: Ticket, context: RunContext) -> Outcome:
        made = context.folder / "big.mp4"
        made.write_bytes(b"film")
        return Outcome([Produced("a.png", "image/png", b"picture"), Produced("big.mp4", "video/mp4", made)])

    rig = make_rig(body=paint)
    order: list[str] = []
    for name in ("put_bytes", "put_file"):
        stored = getattr(rig.storage, name)

        async def put(key: str, content: Any, mime_type: str, stored: Any = stored) -> None:
            await stored(key, content, mime_type)
            assert "completed" not in await log.kinds("s")
            order.append(key)

        setattr(rig.storage, name, put)
    async with rig.working():
        await queue.enqueue([make_ticket("s")])
        completed = await log.until("s", "completed")
    assert completed.finished is not None
    keys = [file.key for file in completed.finished.files]
    assert keys == order
    assert [(rig.folder / key).read_bytes() for key in keys] == [b"picture", b"film"]
    assert [file.size for file in completed.finished.files] == [7, 4]


async def test_keys_name_the_attempt_and_the_claim(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    tokens: list[str] = []

    async def write(ticket: Ticket, context: RunContext) -> Outcome:
        tokens.append(rig.board.claims()[0].token)
        return Outcome([Produced("a.png", "image/png", b"x")])

    rig = make_rig(body=write)
    await queue.enqueue([make_ticket("s", attempts_before=4)])
    async with rig.working():
        completed = await log.until("s", "completed")
    assert completed.finished is not None
    (file,) = completed.finished.files
    assert file.key == f"generations/job-of-s/s/5-{tokens[0][:8]}-0.png"


async def test_all_slots_work_and_no_more(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    running, most = 0, 0
    full = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            full.set()
        async with asyncio.timeout(PATIENCE):
            await full.wait()
        await asyncio.sleep(0)
        running -= 1
        return Outcome()

    rig = make_rig(body=work, concurrency=4)
    await queue.enqueue([make_ticket(f"s{n:03}", at=n) for n in range(120)])
    async with rig.working():
        for n in range(120):
            await log.until(f"s{n:03}", "completed")
    assert (most, rig.loop.counters.completed, rig.loop.counters.late) == (4, 120, 0)
    started = [report.step_id for report in log.seen if report.kind == "started"]
    assert started == sorted(started)


@pytest.mark.parametrize("at_work", [0, 1])
async def test_a_loop_with_nothing_to_do_asks_once_and_waits(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any, at_work: int
) -> None:
    """Idle, or with every slot busy while others' tickets wait."""
    rig = make_rig(body=forever, grace=0.0)
    turns: list[int] = []
    turn = rig.loop.link.turn

    async def counted(finished: Any, want: int, offers: WorkerOffers) -> Turn:
        turns.append(want)
        return await turn(finished, want, offers)

    rig.loop.link.turn = counted  # type: ignore[method-assign]
    await queue.enqueue([make_ticket(f"s{n}", at=n) for n in range(2 * at_work)])
    async with rig.working():
        if at_work:
            await rig.begun("s0")
        for _ in range(300):
            await asyncio.sleep(0)
            await client.ping()
        assert turns == [1]


async def test_an_idle_worker_starts_at_once(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    async with make_rig(body=nothing).working():
        for n in range(20):
            begun = time.monotonic()
            await queue.enqueue([make_ticket(f"s{n:02}", models=[f"m{n % 3}"])])
            await log.until(f"s{n:02}", "completed")
            assert time.monotonic() - begun < 1.0  # the slow poll would take 2 s


@dataclass
class FakeLink:
    """A link whose first answer takes its time: meanwhile a wake-up arrives."""

    turns: list[int] = field(default_factory=list)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    asked_again: asyncio.Event = field(default_factory=asyncio.Event)

    async def turn(self, _finished: Sequence[Settled], want: int, _offers: WorkerOffers) -> Turn:
        self.turns.append(want)
        if len(self.turns) > 1:
            self.asked_again.set()
            return Turn((), ())
        self.woken.set()
        for _ in range(20):  # the wake-up is heard before this answer
            await asyncio.sleep(0)
        return Turn((Claim(make_ticket("s"), "token", 1),), ())

    async def wait(self, _timeout: float) -> Wake | None:
        await self.woken.wait()
        self.woken.clear()
        return "work"

    async def release(self, claims: Sequence[Claim]) -> int:
        return len(claims)


async def test_a_wake_up_during_a_call_is_not_forgotten(make_rig: MakeRig) -> None:
    rig = make_rig(body=forever, concurrency=4, grace=0.0)
    rig.loop.link = link = FakeLink()  # type: ignore[assignment]
    async with rig.working(), asyncio.timeout(1.0):
        await link.asked_again.wait()


async def test_a_claim_lost_before_its_work_began_frees_its_slot(make_rig: MakeRig) -> None:
    rig = make_rig(body=nothing)
    claim = Claim(make_ticket("s"), "token", 1)
    rig.loop._start(claim, time.monotonic())
    assert rig.loop._free == 0
    assert await rig.loop._stop_running() == [claim]
    assert (rig.loop._free, rig.loop.counters.abandoned, len(rig.board)) == (1, 1, 0)
    await rig.http.close()


async def test_a_deaf_worker_stops_with_the_reason(make_rig: MakeRig) -> None:
    rig = make_rig(body=nothing)

    async def broken(timeout: float) -> Wake | None:
        raise ValueError("out of order")

    rig.loop.link.wait = broken  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="out of order"):
        await asyncio.wait_for(rig.loop.run(), PATIENCE)
    await rig.http.close()


async def test_a_misjudged_ticket_goes_back_to_others(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    rig = make_rig(body=nothing)
    rig.loop.connectors = {}
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        retrying = await log.until("s", "retrying")
    assert retrying.finished is not None
    assert "noop" in retrying.finished.error


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
    with rig.beating():
        async with rig.working():
            await rig.begun("s")
            begun = time.monotonic()
            await queue.cancel([("s", 1)], "by the user")
            async with asyncio.timeout(PATIENCE):
                await stopped.wait()
            assert time.monotonic() - begun < 2.0
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
        with rig.beating():
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
        return Outcome()

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
            return Outcome()
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
        assert rig.loop._free == 1
        may_end.set()
    assert rig.loop._free == 2
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
        return Outcome()

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


# --- stopping


async def test_what_ends_within_the_grace_is_reported_as_it_ends(
    queue: Queue, make_rig: MakeRig, log: ReportLog
) -> None:
    gates = {"short": asyncio.Event(), "long": asyncio.Event()}

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await gates[ticket.id].wait()
        return Outcome()

    rig = make_rig(body=work, concurrency=2)
    await queue.enqueue([make_ticket("short"), make_ticket("long"), make_ticket("waiting", at=1)])
    async with rig.working() as task:
        await rig.begun("short", "long")
        rig.loop.stop()
        gates["short"].set()
        await log.until("short", "completed")
        assert not task.done()
        gates["long"].set()
        await log.until("long", "completed")
    assert await queue.ticket_states(["waiting"]) == ["waiting"]
    assert await log.kinds("waiting") == []


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
        return Outcome()

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
