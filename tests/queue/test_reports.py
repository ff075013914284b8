"""The report stream: handed to one consumer, taken over from the dead, dropped when committed."""

from typing import Any

from tests.queue.helpers import FINAL, PREFIX, Worker, make_ticket

from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.messages import Finished
from emprops.queue.reports import GROUP, ReportStream

STREAM = PREFIX + KEYS.reports


async def produce(queue: Queue, worker: Worker, *names: str) -> None:
    await queue.enqueue([make_ticket(name) for name in names])
    for claim in await worker.claim(len(names)):
        assert await worker.finish(claim, Finished(data={"text": claim.ticket.id}))


async def first_read(stream: ReportStream) -> None:
    """The group is made by the first read, which returns nothing."""
    assert await stream.read(block=0.001) == []


async def test_reports_arrive_in_order_and_are_acknowledged_for_good(queue: Queue, client: Any, worker: Worker) -> None:
    stream = ReportStream(client, consumer="a")
    await produce(queue, worker, "s", "t")
    await first_read(stream)  # the group starts at the oldest entry, whoever came first
    reports = await stream.read()
    assert [(report.step_id, report.kind) for report in reports] == [
        ("s", "started"),
        ("t", "started"),
        ("s", "completed"),
        ("t", "completed"),
    ]
    assert reports[0].entry_id == reports[1].entry_id  # one call, one entry
    await stream.acknowledge(reports)
    assert await client.xlen(STREAM) == 0
    assert (await client.xpending(STREAM, GROUP))["pending"] == 0
    assert await stream.read(block=0.001) == []
    await stream.acknowledge([])


async def test_two_consumers_share_the_entries(queue: Queue, client: Any, worker: Worker) -> None:
    first, second = ReportStream(client, consumer="a"), ReportStream(client, consumer="b")
    await first_read(first)
    await produce(queue, worker, "s", "t", "u")
    half = await first.read(count=2)
    rest = await second.read()
    assert {report.entry_id for report in half}.isdisjoint(report.entry_id for report in rest)
    assert len(half) + len(rest) == 6


async def test_what_a_dead_consumer_had_is_taken_over(queue: Queue, client: Any, worker: Worker) -> None:
    dead, heir = ReportStream(client, consumer="dead"), ReportStream(client, consumer="heir")
    await first_read(dead)
    await produce(queue, worker, "s")
    had = await dead.read()
    assert await heir.take_over(idle=30.0) == []
    taken = await heir.take_over(idle=0.0)
    assert taken == had
    await heir.acknowledge(taken)
    assert await heir.take_over(idle=0.0) == []


async def test_the_group_is_made_again_when_redis_lost_it(queue: Queue, client: Any, worker: Worker) -> None:
    stream = ReportStream(client, consumer="a")
    await first_read(stream)
    await client.flushall()
    assert await stream.take_over(idle=0.0) == []
    await produce(queue, worker, "s")
    assert len(await stream.read()) == 2


async def test_an_unreadable_report_holds_nothing_up(queue: Queue, client: Any, worker: Worker) -> None:
    stream = ReportStream(client, consumer="a")
    await first_read(stream)
    await client.xadd(STREAM, {"r": b"not json"})
    await client.xadd(STREAM, {"other": b"field"})
    await client.xadd(
        STREAM, {"r": b'{"kind":"started"}\n{"kind":"lost","step_id":"s","job_id":"j","run":1,"attempt":1,"at":1}'}
    )
    await produce(queue, worker, "t")
    reports = await stream.read()
    assert [(report.step_id, report.kind) for report in reports] == [
        ("s", "lost"),
        ("t", "started"),
        ("t", "completed"),
    ]
    await stream.acknowledge(reports)
    assert await stream.take_over(idle=0.0) == []
    assert await client.xlen(STREAM) == 0


async def test_an_entry_deleted_while_pending_is_passed_over(queue: Queue, client: Any, worker: Worker) -> None:
    stream = ReportStream(client, consumer="a")
    await first_read(stream)
    await produce(queue, worker, "s")
    had = await stream.read()
    await client.xdel(STREAM, had[0].entry_id)
    assert [report.kind for report in await stream.take_over(idle=0.0)] == ["completed"]


async def test_a_failure_travels_whole(queue: Queue, client: Any, worker: Worker) -> None:
    stream = ReportStream(client, consumer="a")
    await first_read(stream)
    await queue.enqueue([make_ticket("s")])
    failure = Finished(failure=FINAL.failure, error='a "quoted" sentence\n', details={"node": "7", "token": "x"})
    assert await worker.finish(await worker.claim_one(), failure)
    assert (await stream.read())[-1].finished == failure


async def test_consumers_of_processes_that_ended_are_dropped(queue: Queue, client: Any, worker: Worker) -> None:
    ended, busy = ReportStream(client, consumer="ended"), ReportStream(client, consumer="busy")
    await first_read(ended)
    await produce(queue, worker, "s")
    await ended.acknowledge(await ended.read())
    await produce(queue, worker, "t")
    assert await busy.read() != []
    assert await busy.forget_consumers() == 0  # neither has been silent for an hour
    assert await busy.forget_consumers(idle=-1.0) == 1
    assert [c["name"] for c in await client.xinfo_consumers(STREAM, GROUP)] == [b"busy"]


async def test_without_a_stream_there_are_no_consumers_to_drop(client: Any) -> None:
    assert await ReportStream(client, consumer="a").forget_consumers() == 0
