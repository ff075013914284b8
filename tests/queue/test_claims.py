"""The life of a claim: fence, leases, failures, losses, hand-backs, cancellation."""

from typing import Any

import orjson
import pytest
import redis
from tests.queue.helpers import (
    ANYTHING,
    FINAL,
    PREFIX,
    RETRYABLE,
    Worker,
    become_due,
    ids,
    kinds,
    lapse,
    make_ticket,
    reports,
)

from emprops.queue.claims import Queue, Reclaimed
from emprops.queue.keys import KEYS
from emprops.queue.matching import Offer, class_of
from emprops.queue.messages import Claim, Finished, Limits, StoredFile
from emprops.queue.registry import FleetMember, WorkerInfo
from emprops.queue.worker_link import Beat, Heartbeat, Settled


def is_held(client: Any, claim: Claim) -> Any:
    return client.zscore(PREFIX + KEYS.leases, claim.ticket.id)


async def test_a_claim_is_reported_and_finishes_with_its_result(queue: Queue, worker: Worker, client: Any) -> None:
    await queue.enqueue([make_ticket("s", payload={"prompt": 'a \n "sea"'})])
    claim = await worker.claim_one()
    assert (claim.attempt, claim.ticket.payload) == (1, {"prompt": 'a \n "sea"'})
    file = StoredFile("generations/j/s/1-x-0.png", "image/png", 5, "00", name="sea.png", width=1, height=2)
    assert await worker.finish(claim, Finished(files=(file,), data={"text": "line\nline"}))
    started, completed = await reports(client, "s")
    assert (started.kind, started.attempt, started.worker_id) == ("started", 1, "worker-1")
    assert (completed.kind, completed.attempt, completed.run) == ("completed", 1, 1)
    assert completed.finished == Finished(files=(file,), data={"text": "line\nline"})
    assert completed.job_id == "job-of-s"
    assert await queue.ticket_states(["s"]) == [None]
    assert await is_held(client, claim) is None
    verdict = await queue.verdict("s", 1)
    assert verdict is not None
    assert verdict["kind"] == "completed"


async def test_one_call_settles_and_refills(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket(f"s{n}") for n in range(6)])
    claims = await worker.claim(3)
    settled = [Settled(claims[0], Finished()), Settled(claims[1], FINAL), Settled(claims[2], RETRYABLE)]
    turn = await worker.link.turn(settled, 2, worker.offers)
    assert (ids(turn.claims), turn.late) == (["s3", "s4"], ())
    assert await queue.ticket_states(["s0", "s1", "s2", "s3", "s5"]) == [None, None, "delayed", "claimed", "waiting"]


async def test_a_repeated_report_is_accepted_and_recorded_once(queue: Queue, worker: Worker, client: Any) -> None:
    await queue.enqueue([make_ticket("done"), make_ticket("again"), make_ticket("refused")])
    outcomes = {"done": Finished(), "again": RETRYABLE, "refused": FINAL}
    claims = await worker.claim(3)
    for _ in range(3):
        for claim in claims:
            assert await worker.finish(claim, outcomes[claim.ticket.id])
    assert await kinds(client, "done") == ["started", "completed"]
    assert await kinds(client, "again") == ["started", "retrying"]
    assert await kinds(client, "refused") == ["started", "failed"]


async def test_a_contradicting_second_report_changes_nothing(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await worker.claim_one()
    assert await worker.finish(claim)
    await worker.finish(claim, FINAL)
    verdict = await queue.verdict("s", 1)
    assert verdict is not None
    assert verdict["kind"] == "completed"


async def test_a_report_with_another_token_is_late(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await worker.claim_one()
    assert not await worker.finish(Claim(claim.ticket, "0" * 32, claim.attempt))
    assert await queue.verdict("s", 1) is None
    assert await worker.finish(claim)


async def test_entries_that_came_back_from_the_dead_are_not_handed_out(
    queue: Queue, client: Any, worker: Worker
) -> None:
    """As after an old snapshot was restored: the order names tickets that are claimed, elsewhere, or gone."""
    await queue.enqueue([make_ticket("claimed"), make_ticket("elsewhere", at=9, models=["a"]), make_ticket("s", at=5)])
    await worker.claim_one()
    sig = (await client.hget(f"{PREFIX}{KEYS.ticket}s", "sig")).decode()
    await client.zadd(f"{PREFIX}{KEYS.wait}{sig}", {"claimed": 1, "elsewhere": 2, "gone": 3})
    await client.zadd(f"{PREFIX}{KEYS.heads}{class_of(worker.offers)}", {sig: 1})
    assert ids(await worker.claim(9)) == ["s", "elsewhere"]
    assert await client.exists(f"{PREFIX}{KEYS.wait}{sig}") == 0


# --- failures


async def test_retryable_failures_wait_longer_each_time_and_end_as_a_dead_letter(
    queue: Queue, worker: Worker, client: Any
) -> None:
    await queue.enqueue([make_ticket("s", limits=Limits(max_failures=3))])
    for attempt in (1, 2, 3, 4):
        claim = await worker.claim_one()
        assert claim.attempt == attempt
        assert await worker.finish(claim, RETRYABLE)
        if attempt < 4:
            assert await queue.ticket_states(["s"]) == ["delayed"]
            assert await worker.claim() == []
            await become_due(client, "s")
    assert await kinds(client, "s") == ["started", "retrying"] * 3 + ["started", "failed"]
    waits = [raw["retry_in_ms"] for raw in await raw_reports(client) if raw["kind"] == "retrying"]
    assert waits == [5_000, 15_000, 30_000]
    assert await queue.ticket_states(["s"]) == ["dead"]
    assert await client.hget(f"{PREFIX}{KEYS.ticket}s", "reason") == b"failures"
    assert await client.zrange(PREFIX + KEYS.dead, 0, -1) == [b"s"]
    assert await client.ttl(f"{PREFIX}{KEYS.ticket}s") > 29 * 86_400
    assert await worker.claim() == []


async def raw_reports(client: Any) -> list[dict[str, Any]]:
    entries = await client.xrange(PREFIX + KEYS.reports)
    return [orjson.loads(line) for _, fields in entries for line in fields[b"r"].split(b"\n")]


@pytest.mark.parametrize(("asked", "waited"), [(0.25, 250), (120.0, 120_000), (1e9, 900_000), (-3.0, 5_000)])
async def test_a_provider_says_how_long_to_wait(
    queue: Queue, worker: Worker, client: Any, asked: float, waited: int
) -> None:
    await queue.enqueue([make_ticket("s")])
    failure = Finished(failure="retryable", error="busy", retry_after=asked)
    assert await worker.finish(await worker.claim_one(), failure)
    (wait,) = [raw["retry_in_ms"] for raw in await raw_reports(client) if raw["kind"] == "retrying"]
    assert wait == waited


@pytest.mark.parametrize("kind", ["final", "bad_input"])
async def test_a_final_failure_is_not_tried_again(queue: Queue, worker: Worker, client: Any, kind: Any) -> None:
    await queue.enqueue([make_ticket("s")])
    assert await worker.finish(await worker.claim_one(), Finished(failure=kind, error="the size is not allowed"))
    (failed,) = [report for report in await reports(client, "s") if report.kind == "failed"]
    assert failed.finished is not None
    assert (failed.finished.failure, failed.finished.error) == (kind, "the size is not allowed")
    assert await queue.ticket_states(["s"]) == [None]


# --- leases


async def test_a_lapsed_step_runs_elsewhere_and_the_first_worker_is_too_late(
    queue: Queue, client: Any, worker: Worker
) -> None:
    second = Worker(client, "worker-2")
    await queue.enqueue([make_ticket("s"), make_ticket("younger", at=1)])
    first_claim = await worker.claim_one()
    await lapse(client, "s")
    assert await queue.reclaim() == Reclaimed(offered=1, given_up=0, promoted=0)
    claim = await second.claim_one()
    assert (claim.ticket.id, claim.attempt) == ("s", 2)  # it kept its place before the younger one
    assert claim.token != first_claim.token
    assert not await worker.finish(first_claim)
    assert await second.finish(claim)
    assert await kinds(client, "s") == ["started", "lost", "started", "completed"]


async def test_a_lapsed_lease_counts_until_somebody_takes_the_step_away(
    queue: Queue, client: Any, worker: Worker
) -> None:
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    claims = await worker.claim(2)
    await lapse(client, "s", "t")
    heartbeat = beat_of(client, worker)
    assert heartbeat.beat([Beat(claims[0])]) == set()
    assert await queue.reclaim() == Reclaimed(1, 0, 0)
    assert await queue.ticket_states(["s", "t"]) == ["claimed", "waiting"]
    assert await worker.finish(claims[0])
    assert not await worker.finish(claims[1])


def beat_of(client: Any, worker: Worker) -> Heartbeat:
    path = client.connection_pool.connection_kwargs["path"]
    return Heartbeat(
        redis.Redis(unix_socket_path=path), prefix=PREFIX, worker_id=worker.name, machine_id="m", lease=worker.lease
    )


async def test_beats_renew_carry_progress_and_name_what_is_lost(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("kept"), make_ticket("gone", at=1), make_ticket("cancelled", at=2)])
    kept, gone, cancelled = await worker.claim(3)
    await lapse(client, "kept", "gone")
    heartbeat = beat_of(client, worker)
    assert heartbeat.beat([Beat(kept, 12.5, 'at "50%"\n')]) == set()
    await queue.reclaim()
    await queue.cancel([("cancelled", 1)], "by the user")
    assert heartbeat.beat([Beat(kept, 25.0), Beat(gone, 99.0), Beat(cancelled, 99.0)]) == {"gone", "cancelled"}
    progress = [report for report in await reports(client) if report.kind == "progress"]
    assert [(report.step_id, report.progress, report.message) for report in progress] == [
        ("kept", 12.5, 'at "50%"\n'),
        ("kept", 25.0, ""),
    ]
    lease = await client.zscore(PREFIX + KEYS.leases, "kept")
    seconds, _ = await client.time()
    assert 55_000 < lease - seconds * 1000 <= 61_000


async def test_progress_is_left_out_when_nobody_reads_the_stream(
    queue: Queue, client: Any, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emprops.queue.worker_link.MAX_STREAM", 2)
    await queue.enqueue([make_ticket("s")])
    claim = await worker.claim_one()
    heartbeat = beat_of(client, worker)
    for percent in range(10):
        assert heartbeat.beat([Beat(claim, percent)]) == set()
    assert await kinds(client, "s") == ["started", "progress"]
    assert await worker.finish(claim)
    assert (await kinds(client, "s"))[-1] == "completed"


async def test_a_step_that_loses_worker_after_worker_is_given_up(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("poison", limits=Limits(max_lost_claims=3)), make_ticket("healthy", at=1)])
    claims = []
    for _ in range(3):
        claims.append(await worker.claim_one())
        await lapse(client, "poison")
        await queue.reclaim()
    assert await queue.ticket_states(["poison", "healthy"]) == ["dead", "waiting"]
    failed = (await reports(client, "poison"))[-1]
    assert failed.kind == "failed"
    assert failed.finished is not None
    assert failed.finished.details == {"code": "worker_lost", "lost_claims": 3}
    assert not any([await worker.finish(claim) for claim in claims])
    assert await client.hget(f"{PREFIX}{KEYS.ticket}poison", "reason") == b"worker_lost"
    assert ids(await worker.claim(5)) == ["healthy"]


async def test_losses_and_failures_are_counted_apart(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s", limits=Limits(max_failures=1, max_lost_claims=2))])
    await worker.claim_one()
    await lapse(client, "s")
    await queue.reclaim()
    assert await worker.finish(await worker.claim_one(), RETRYABLE)
    await become_due(client, "s")
    claim = await worker.claim_one()
    assert claim.attempt == 3
    assert await worker.finish(claim)


def announce(client: Any, worker: Worker, *, seconds_ago: int = 0) -> None:
    path = client.connection_pool.connection_kwargs["path"]
    with redis.Redis(unix_socket_path=path) as blocking:
        member = FleetMember(blocking, PREFIX)
        member.announce(WorkerInfo(worker.name, "m", "busy", worker.offers, 1))
        if seconds_ago:
            for key in blocking.keys(f"{PREFIX}{KEYS.members}*"):
                blocking.zincrby(key, -seconds_ago * 1000, worker.name)


async def test_a_lost_or_failed_step_goes_to_another_worker_first(queue: Queue, client: Any, worker: Worker) -> None:
    second = Worker(client, "worker-2")
    announce(client, worker)
    announce(client, second)
    await queue.enqueue([make_ticket("lost"), make_ticket("failed", at=1), make_ticket("third", at=2)])
    _, failed = await worker.claim(2)
    await lapse(client, "lost")
    await queue.reclaim()
    assert await worker.finish(failed, Finished(failure="retryable", error="x", retry_after=0.001))
    await become_due(client, "failed")
    assert ids(await worker.claim(9)) == ["third"]  # what stands behind is not held up
    assert await worker.claim(9) == []
    assert ids(await second.claim(9)) == ["lost", "failed"]


@pytest.mark.parametrize("others", ["nobody", "silent", "other job type"])
async def test_it_goes_to_the_same_worker_when_no_other_could_take_it(
    queue: Queue, client: Any, worker: Worker, others: str
) -> None:
    announce(client, worker)
    if others == "silent":
        announce(client, Worker(client, "worker-2"), seconds_ago=40)
    elif others == "other job type":
        announce(client, Worker(client, "worker-2", {"video": Offer()}))
    await queue.enqueue([make_ticket("s")])
    await worker.claim_one()
    await lapse(client, "s")
    await queue.reclaim()
    assert ids(await worker.claim()) == ["s"]


async def test_a_backlog_kept_for_others_does_not_hide_what_is_behind_it(
    queue: Queue, client: Any, worker: Worker
) -> None:
    announce(client, worker)
    announce(client, Worker(client, "worker-2"))
    await queue.enqueue([make_ticket(f"s{n:02}", at=n) for n in range(50)])
    claims = await worker.claim(40)
    assert await worker.link.release(claims) == 40
    assert ids(await worker.claim(3)) == ["s40", "s41", "s42"]
    assert ids(await Worker(client, "worker-2").claim(2)) == ["s00", "s01"]


# --- hand-backs


async def test_a_released_step_keeps_its_place_and_counts_nothing(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket(f"s{n}", at=n, limits=Limits(0, 1)) for n in range(3)])
    claims = await worker.claim(2)
    assert await worker.link.release(claims) == 2
    assert await worker.link.release(claims) == 0
    again = await Worker(client, "worker-2").claim(3)
    assert [(claim.ticket.id, claim.attempt) for claim in again] == [("s0", 2), ("s1", 2), ("s2", 1)]
    assert not await worker.finish(claims[0])
    assert await kinds(client, "s0") == ["started", "released", "started"]


# --- cancellation


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
    verdicts = [await queue.verdict(name, 1) for name in names]
    assert [verdict and verdict["kind"] for verdict in verdicts] == [
        "cancelled",
        "cancelled",
        "failed",  # what had ended before stays as it ended
        "completed",
        "cancelled",
    ]
    assert verdicts[0] is not None
    assert verdicts[0]["reason"] == "by the user"
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
    assert 0 < await client.ttl(f"{PREFIX}{KEYS.verdict}on-its-way:1") <= 3600


async def test_cancelling_an_old_run_leaves_the_new_one_alone(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s", run=2)])
    assert await queue.cancel([("s", 1)], "late") == ["unknown"]
    claim = await worker.claim_one()
    assert claim.ticket.run == 2
    assert await worker.finish(claim)


async def test_a_worker_without_a_name_in_the_fleet_can_work(queue: Queue, client: Any) -> None:
    await queue.enqueue([make_ticket("s")])
    assert ids(await Worker(client, "unannounced", ANYTHING).claim()) == ["s"]
