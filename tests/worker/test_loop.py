"""The worker's loop: claim, run, report, within its slots, without noise when there is nothing to do."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.queue.helpers import make_ticket
from tests.worker.rig import DONE, PATIENCE, ReportLog, Rig, forever, nothing

from emprops.connectors.base import FinalError, Outcome, Produced, RetryableError, RunContext
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Counters
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Claim, Ticket
from emprops.queue.transport import Settled, Turn, Wake
from emprops.worker.loop import pause_after

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
    assert file.key == f"generations/job-of-s/s-5-{tokens[0][:8]}-0.png"


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
        return DONE

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


async def test_an_idle_worker_starts_at_once(
    queue: Queue, make_rig: MakeRig, log: ReportLog, waiting_client: Any
) -> None:
    rig = make_rig(body=nothing, client=waiting_client, poll=2 * PATIENCE)  # only being woken is soon enough
    async with rig.working():
        for n in range(20):
            await queue.enqueue([make_ticket(f"s{n:02}", models=[f"m{n % 3}"])])
            await log.until(f"s{n:02}", "completed")


@dataclass
class FakeLink:
    """A link whose first answer takes its time: meanwhile a wake-up arrives."""

    poll = 2.0
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
    assert rig.loop.lanes.free == 0
    assert await rig.loop._stop_running() == [claim]
    assert (rig.loop.lanes.free, rig.loop.counters.abandoned, len(rig.board)) == (1, 1, 0)
    await rig.http.close()


def test_an_outage_may_last() -> None:
    assert [pause_after(failures) for failures in (1, 2, 5, 100_000)] == [0.4, 0.8, 5.0, 5.0]


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


async def test_the_worker_counts_what_it_does(queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any) -> None:
    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        match ticket.id:
            case "good":
                return Outcome([Produced("a.png", "image/png", b"picture"), Produced("b.png", "image/png", b"two")])
            case "busy":
                raise RetryableError("later")
            case "bad":
                raise FinalError("never")
        return await forever(ticket, context)

    rig = make_rig(body=work, grace=0.0)
    await queue.enqueue([make_ticket(name, at=n) for n, name in enumerate(("good", "busy", "bad", "taken"))])
    async with rig.working():
        await rig.begun("taken")
        counted = rig.loop.counted()
        assert counted == Counters(completed=1, failed=2, retried=1, bytes_stored=10, busy_seconds=counted.busy_seconds)
        begun = time.monotonic()
        while rig.loop.counted().busy_seconds <= counted.busy_seconds:  # the running step counts too
            assert time.monotonic() - begun < PATIENCE
            await client.ping()
        rig.board.lose(rig.board.claims())
        await log.until("busy", "retrying")
        async with asyncio.timeout(PATIENCE):
            while rig.loop.lanes.free == 0:
                await client.ping()
    assert (rig.loop.counters.abandoned, rig.loop.counters.lost_leases, rig.loop.counters.late) == (1, 1, 0)
