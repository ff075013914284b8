"""The life of a claim: fence, results, failures."""

from typing import Any

import orjson
import pytest
from tests.queue.helpers import (
    FINAL,
    PREFIX,
    RETRYABLE,
    Worker,
    become_due,
    ids,
    kinds,
    make_ticket,
    reports,
)

from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.matching import class_of
from emprops.queue.messages import Claim, Finished, Limits, StoredFile
from emprops.queue.transport import Settled


def is_held(client: Any, claim: Claim) -> Any:
    return client.zscore(PREFIX + KEYS.leases, claim.ticket.id)


async def test_a_claim_is_reported_and_finishes_with_its_result(queue: Queue, worker: Worker, client: Any) -> None:
    await queue.enqueue([make_ticket("s", payload={"prompt": 'a \n "sea"'})])
    claim = await worker.claim_one()
    assert (claim.attempt, claim.ticket.payload) == (1, {"prompt": 'a \n "sea"'})
    file = StoredFile("generations/j/s-1-x-0.png", "image/png", 5, "00", name="sea.png", width=1, height=2)
    assert await worker.finish(claim, Finished(files=(file,), data={"text": "line\nline"}))
    started, completed = await reports(client, "s")
    assert (started.kind, started.attempt, started.worker_id) == ("started", 1, "worker-1")
    assert (completed.kind, completed.attempt, completed.run) == ("completed", 1, 1)
    assert completed.finished == Finished(files=(file,), data={"text": "line\nline"})
    assert completed.job_id == "job-of-s"
    assert await queue.ticket_states(["s"]) == [None]
    assert await is_held(client, claim) is None
    attestation = await queue.attestation("s", 1)
    assert attestation is not None
    assert attestation["kind"] == "completed"


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
    attestation = await queue.attestation("s", 1)
    assert attestation is not None
    assert attestation["kind"] == "completed"


async def test_a_report_with_another_token_is_late(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await worker.claim_one()
    assert not await worker.finish(Claim(claim.ticket, "0" * 32, claim.attempt))
    assert await queue.attestation("s", 1) is None
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
