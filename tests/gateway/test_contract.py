"""What holds for a worker's way to the queue, whichever it is: over Redis, or over HTTP through a real server."""

import asyncio
from typing import Any

import pytest
from tests.gateway.conftest import MakeSide
from tests.gateway.rig import Side
from tests.queue.helpers import (
    FINAL,
    PREFIX,
    RETRYABLE,
    become_due,
    ids,
    kinds,
    lapse,
    make_ticket,
    reports,
    with_models,
)

from emprops.queue.dispatch import Queue, Reclaimed
from emprops.queue.fleet import Counters, Fleet, WorkerInfo
from emprops.queue.keys import KEYS
from emprops.queue.messages import Claim, Finished, Limits, Preview
from emprops.queue.previews import Previews
from emprops.queue.transport import AWAY, Beat, Settled

AT_ONCE = 1.0
"""Seconds: half of what the slower poll would take."""


async def test_a_claim_is_reported_and_finishes_with_its_result(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket("s", payload={"prompt": 'a \n "sea"'})])
    claim = await side.worker.claim_one()
    assert (claim.attempt, claim.ticket.payload) == (1, {"prompt": 'a \n "sea"'})
    assert claim.ticket == make_ticket("s", payload={"prompt": 'a \n "sea"'})
    assert await side.worker.finish(claim, Finished(data={"text": "line\nline", "seeds": [1, 2]}))
    started, completed = await reports(client, "s")
    assert [(one.kind, one.worker_id, one.attempt) for one in (started, completed)] == [
        ("started", side.worker_id, 1),
        ("completed", side.worker_id, 1),
    ]
    assert completed.finished == Finished(data={"text": "line\nline", "seeds": [1, 2]})
    assert (await queue.attestation("s", 1) or {})["kind"] == "completed"


async def test_one_call_settles_and_refills(queue: Queue, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket(f"s{n}") for n in range(6)])
    claims = await side.worker.claim(3)
    settled = [Settled(claims[0], Finished()), Settled(claims[1], FINAL), Settled(claims[2], RETRYABLE)]
    turn = await side.link.turn(settled, 2, side.worker.offers)
    assert (ids(turn.claims), turn.late) == (["s3", "s4"], ())
    assert await queue.ticket_states(["s0", "s1", "s2", "s3", "s5"]) == [None, None, "delayed", "claimed", "waiting"]


async def test_what_it_can_run_comes_by_priority_and_age(queue: Queue, make: MakeSide) -> None:
    side = await make(offers=with_models("flux"))
    await queue.enqueue(
        [
            make_ticket("young", at=9, models=["flux"]),
            make_ticket("low", priority=10),
            make_ticket("not-mine", priority=99, models=["sdxl"]),
            make_ticket("high", at=99, priority=90),
            make_ticket("old", at=1),
        ]
    )
    assert ids(await side.worker.claim(9)) == ["high", "old", "young", "low"]


async def test_a_repeated_report_is_accepted_and_recorded_once(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket("done"), make_ticket("again"), make_ticket("refused")])
    outcomes = {"done": Finished(), "again": RETRYABLE, "refused": FINAL}
    claims = await side.worker.claim(3)
    for _ in range(2):
        for claim in claims:
            assert await side.worker.finish(claim, outcomes[claim.ticket.id])
    assert await kinds(client, "done") == ["started", "completed"]
    assert await kinds(client, "again") == ["started", "retrying"]
    assert await kinds(client, "refused") == ["started", "failed"]


async def test_a_report_with_another_token_or_run_is_late(queue: Queue, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket("s")])
    claim = await side.worker.claim_one()
    forged = claim.token[::-1]
    assert not await side.worker.finish(Claim(claim.ticket, forged, claim.attempt))
    assert not await side.worker.finish(Claim(make_ticket("s", run=2), claim.token, claim.attempt))
    assert [await queue.attestation("s", run) for run in (1, 2)] == [None, None]
    assert await side.worker.finish(claim)


# --- lost answers


async def cut_side(make: MakeSide, queue: Queue) -> Side:
    """A worker whose answers can be lost; it has judged the requirement that these tests use."""
    side = await make(cut=True)
    await queue.enqueue([make_ticket("first")])
    await side.worker.finish(await side.worker.claim_one())
    return side


async def test_a_claim_whose_answer_was_lost_is_answered_alike(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await cut_side(make, queue)
    await queue.enqueue([make_ticket(f"s{n}", at=n) for n in range(5)])
    side.lose_answers()
    with pytest.raises(AWAY):
        await side.worker.claim(2)
    claims = await side.worker.claim(2)
    assert ids(claims) == ["s0", "s1"]
    assert await queue.ticket_states(["s1", "s2"]) == ["claimed", "waiting"]
    assert await kinds(client, "s0") == ["started"]
    assert all([await side.worker.finish(claim) for claim in claims])


async def test_a_worker_that_wants_nothing_more_still_learns_what_it_holds(queue: Queue, make: MakeSide) -> None:
    side = await cut_side(make, queue)
    await queue.enqueue([make_ticket("s")])
    side.lose_answers()
    with pytest.raises(AWAY):
        await side.worker.claim()
    turn = await side.link.turn([], 0, side.worker.offers)
    assert ids(turn.claims) == ["s"]
    assert await side.link.release(turn.claims) == 1


@pytest.mark.parametrize("outcome", [Finished(), RETRYABLE])
async def test_a_result_whose_answer_was_lost_is_recorded_once(
    queue: Queue, client: Any, make: MakeSide, outcome: Finished
) -> None:
    side = await cut_side(make, queue)
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    settled = [Settled(await side.worker.claim_one(), outcome)]
    side.lose_answers()
    with pytest.raises(AWAY):
        await side.link.turn(settled, 1, side.worker.offers)
    turn = await side.link.turn(settled, 1, side.worker.offers)
    assert (ids(turn.claims), turn.late) == (["t"], ())
    assert await kinds(client, "s") == ["started", "completed" if outcome.failure is None else "retrying"]


# --- leases


async def test_a_lapsed_step_runs_elsewhere_and_the_first_worker_is_too_late(
    queue: Queue, client: Any, make: MakeSide
) -> None:
    first, second = await make(), await make("worker-2")
    await queue.enqueue([make_ticket("s"), make_ticket("younger", at=1)])
    first_claim = await first.worker.claim_one()
    await lapse(client, "s")
    assert await queue.reclaim() == Reclaimed(offered=1, given_up=0, promoted=0)
    claim = await second.worker.claim_one()
    assert (claim.ticket.id, claim.attempt) == ("s", 2)
    assert not await first.worker.finish(first_claim)
    assert await second.worker.finish(claim)
    assert await kinds(client, "s") == ["started", "lost", "started", "completed"]


async def test_beats_renew_carry_progress_and_name_what_is_lost(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket("kept"), make_ticket("gone", at=1), make_ticket("cancelled", at=2)])
    kept, gone, cancelled = await side.worker.claim(3)
    await lapse(client, "kept", "gone")
    assert await side.beat(Beat(kept, 12.5, 'at "50%"\n')) == set()
    await queue.reclaim()
    await queue.cancel([("cancelled", 1)], "by the user")
    assert await side.beat(Beat(kept, 25.0), Beat(gone, 99.0), Beat(cancelled)) == {"gone", "cancelled"}
    progress = [report for report in await reports(client) if report.kind == "progress"]
    assert [(report.step_id, report.progress, report.message) for report in progress] == [
        ("kept", 12.5, 'at "50%"\n'),
        ("kept", 25.0, ""),
    ]
    lease = await client.zscore(PREFIX + KEYS.leases, "kept")
    seconds, _ = await client.time()
    assert 55_000 < lease - seconds * 1000 <= 61_000


async def test_previews_travel_with_beats_as_many_as_a_call_holds(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket(f"s{n:02}", at=n) for n in range(30)])
    claims = await side.worker.claim(30)
    picture = Preview(bytes(range(256)) * 160, "image/jpeg", "12")
    assert await side.beat(*[Beat(claim, preview=picture) for claim in claims]) == set()
    seen = [await Previews(client, PREFIX).latest(f"job-of-s{n:02}") for n in range(30)]
    assert [one.preview for one in seen if one is not None][:8] == [picture] * 8
    foreign = Claim(claims[29].ticket, "ab" * 32, 1)
    await client.delete(f"{PREFIX}{KEYS.preview}job-of-s29")
    assert await side.beat(Beat(foreign, preview=picture)) == {"s29"}
    assert await Previews(client, PREFIX).latest("job-of-s29") is None


async def test_a_released_step_keeps_its_place_and_counts_nothing(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket(f"s{n}", at=n, limits=Limits(0, 1)) for n in range(3)])
    claims = await side.worker.claim(2)
    assert await side.link.release(claims) == 2
    assert await side.link.release(claims) == 0
    again = await (await make("worker-2")).worker.claim(3)
    assert [(claim.ticket.id, claim.attempt) for claim in again] == [("s0", 2), ("s1", 2), ("s2", 1)]
    assert not await side.worker.finish(claims[0])
    assert await kinds(client, "s0") == ["started", "released", "started"]


async def test_failures_wait_and_end_as_a_dead_letter(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket("s", limits=Limits(max_failures=1))])
    assert await side.worker.finish(await side.worker.claim_one(), RETRYABLE)
    assert await side.worker.claim() == []
    await become_due(client, "s")
    claim = await side.worker.claim_one()
    assert claim.attempt == 2
    assert await side.worker.finish(claim, RETRYABLE)
    assert await queue.ticket_states(["s"]) == ["dead"]
    assert await client.hget(f"{PREFIX}{KEYS.ticket}s", "reason") == b"failures"


# --- wake-ups


async def test_a_new_ticket_wakes_an_idle_worker(queue: Queue, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket("known-signature")])
    await side.worker.claim_one()
    assert await side.worker.claim() == []
    wait = asyncio.create_task(side.link.wait(4.0))
    await queue.enqueue([make_ticket("s", at=1)])
    async with asyncio.timeout(AT_ONCE):
        assert await wait == "work"
    assert ids(await side.worker.claim()) == ["s"]


async def test_a_cancellation_wakes_the_worker_that_has_the_step(queue: Queue, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket("s")])
    claim = await side.worker.claim_one()
    wait = asyncio.create_task(side.link.wait(4.0))
    await queue.cancel([("s", 1)], "by the user")
    async with asyncio.timeout(AT_ONCE):
        assert await wait == "cancel"
    assert await side.beat(Beat(claim)) == {"s"}
    assert not await side.worker.finish(claim)


async def test_a_wait_without_news_ends(make: MakeSide) -> None:
    side = await make()
    assert await side.link.wait(0.05) is None


# --- the fleet


async def test_a_worker_is_in_the_fleet_until_it_leaves(client: Any, make: MakeSide) -> None:
    side = await make(offers=with_models("flux"))
    info = WorkerInfo(
        side.worker_id,
        "machine",
        "busy",
        side.worker.offers,
        2,
        ("s",),
        slots={"noop": 1},
        counters=Counters(completed=3, busy_seconds=1.5),
        connectors={"noop": "ok"},
    )
    await asyncio.to_thread(side.member.announce, info)
    (listed,) = await Fleet(client, PREFIX).workers()
    assert (listed.worker_id, listed.status, listed.current) == (side.worker_id, "busy", ("s",))
    assert (listed.offers, listed.counters, listed.slots) == (side.worker.offers, info.counters, {"noop": 1})
    assert listed.connectors == {"noop": "ok"}
    await asyncio.to_thread(side.member.announce_machine, info, 1500)
    await asyncio.to_thread(side.member.withdraw, info)
    assert await Fleet(client, PREFIX).workers() == []


async def test_a_worker_hears_whether_to_pause(client: Any, make: MakeSide) -> None:
    side = await make()
    info = WorkerInfo(side.worker_id, "machine", "idle", side.worker.offers, 1)
    assert await asyncio.to_thread(side.member.announce, info) is None  # Redis has lost what it knew
    await client.set(PREFIX + KEYS.epoch, "1")
    assert await asyncio.to_thread(side.member.announce, info) is False
    await client.hset(PREFIX + KEYS.paused, f"worker:{side.worker_id}", 1)
    assert await asyncio.to_thread(side.member.announce, info) is True
