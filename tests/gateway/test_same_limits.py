"""What a connector may give, whichever way its worker reaches the queue: the same is taken, mended and refused.

The runs go through the worker's own pipeline, so what holds here holds for connectors of third parties too.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext
from tests.gateway.conftest import MakeSide
from tests.gateway.rig import Side, storage_of
from tests.queue.helpers import PREFIX, RETRYABLE, ids, kinds, lapse, make_ticket, nested, reports
from tests.worker.rig import Scripted

from emprops.connectors.base import Capabilities, FinalError, Health, Outcome, Produced, RunContext
from emprops.kit.storage import Storage
from emprops.media.storage import FolderStorage
from emprops.queue.bounds import MAX_DATA_BYTES
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet, WorkerInfo
from emprops.queue.messages import Claim, Finished, Preview, Ticket
from emprops.queue.previews import Previews
from emprops.queue.transport import Beat, Settled
from emprops.worker.board import Board
from emprops.worker.offers import Surveyor
from emprops.worker.previews import made_small
from emprops.worker.run import run_claim

Given = Outcome | Exception


@contextlib.asynccontextmanager
async def storage_for(side: Side, claims: list[Claim], folder: Path) -> AsyncIterator[Storage]:
    """Where a worker on this side stores results."""
    server = getattr(side.link, "server", None)
    if server is None:
        yield FolderStorage(folder)
        return
    async with storage_of(server.url, server.key, lambda: claims) as storage:
        yield storage


async def record(side: Side, client: Any, claim: Claim, given: Given, folder: Path) -> Finished:
    """Run a claim to this end and report it; gives what was recorded."""

    async def body(_ticket: Ticket, _context: RunContext) -> Outcome:
        if isinstance(given, Exception):
            raise given
        return given

    async with storage_for(side, [claim], folder) as storage:
        finished = await run_claim(claim, Scripted(body), RecordingContext(folder), storage)  # type: ignore[arg-type]
    assert await side.worker.finish(claim, finished)
    recorded = (await reports(client, claim.ticket.id))[-1].finished
    assert recorded is not None
    return recorded


LARGEST = {"text": "x" * (MAX_DATA_BYTES - len('{"text":""}'))}
ODD = Produced("sea\0\ud800.png", "image/png; q=1", b"abc", width=2**40, height=-1, duration=1e300, node="\0\x1b9")
FILES = [Produced(f"{n}.txt", "text/plain", b"x") for n in range(257)]

NOT_JSON = "The details could not be sent as JSON."

CASES: dict[str, tuple[Given, dict[str, Any]]] = {
    "broken data": (Outcome(data={"te\0xt": ["\ud800", "\ud83c\udf0a"]}), {"data": {"te�xt": ["�", "🌊"]}}),
    "deep data": (Outcome(data=nested(64)), {"data": nested(64)}),
    "too deep data": (Outcome(data=nested(65)), {"error": "The result's data are nested deeper than 64 levels."}),
    "large data": (Outcome(FILES[:1], LARGEST), {"data": LARGEST}),
    "too large data": (Outcome(FILES[:1], LARGEST | {"n": 1}), {"failure": "final", "data": {}}),
    "long key": (Outcome(data={"k" * 5_000: 1}), {"data": {"k" * 5_000: 1}}),
    "too many files": (Outcome(FILES), {"error": "The result has 257 files; at most 256 are taken."}),
    "no result": (Outcome(), {"failure": "final"}),
    "broken reason": (
        FinalError("no\0\ud800\x1b[31m", details={"a": "\0"}),
        {"error": "no��[31m", "details": {"a": "�"}},
    ),
    "deep details": (
        FinalError("no", details=nested(65)),
        {"details": {"omitted": "The details could not be sent as JSON."}},
    ),
    "long reason": (FinalError("n" * 5_000), {"error": "n" * 2_000}),
    "long wait": (FinalError("no", retry_after=1e12), {"retry_after": 86_400.0}),
    "endless wait": (FinalError("no", retry_after=float("inf")), {"retry_after": None}),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES.keys())
async def test_results_and_reasons(
    queue: Queue, client: Any, make: MakeSide, tmp_path: Path, given: Given, expected: dict[str, Any]
) -> None:
    side = await make()
    await queue.enqueue([make_ticket("s")])
    recorded = await record(side, client, await side.worker.claim_one(), given, tmp_path)
    assert {name: getattr(recorded, name) for name in expected} == expected
    assert (recorded.failure is None) == ("data" in expected and "failure" not in expected)


async def test_facts_of_files(queue: Queue, client: Any, make: MakeSide, tmp_path: Path) -> None:
    side = await make()
    await queue.enqueue([make_ticket("s")])
    recorded = await record(side, client, await side.worker.claim_one(), Outcome([ODD]), tmp_path)
    (file,) = recorded.files
    assert (file.name, file.node, file.size) == ("sea��.png", "�9", 3)
    assert (file.width, file.height, file.duration) == (None, None, None)


async def test_news_with_broken_characters_goes_with_that_of_the_others(
    queue: Queue, client: Any, make: MakeSide
) -> None:
    """From the connector to Redis: nothing that one step has to say costs another its lease."""
    side = await make()
    await queue.enqueue([make_ticket(f"s{n}", at=n) for n in range(3)])
    claims = await side.worker.claim(3)
    board = Board()
    for claim in claims:
        board.add(claim, lambda: None, 0.0)
        board.progress(claim, 10.0, "\0\ud800 painting" if claim is claims[1] else "painting")
    shown = made_small("half a \ud800 word\0", "text/plain", "\0\ud800 node")
    assert shown is not None
    board.preview(claims[1], shown)
    assert await side.beat(*board.beats(everything=True)) == set()
    progress = [report for report in await reports(client) if report.kind == "progress"]
    assert [report.message for report in progress] == ["painting", "�� painting", "painting"]
    seen = await Previews(client, PREFIX).latest("job-of-s1")
    assert seen is not None
    assert seen.preview == Preview("half a � word�".encode(), "text/plain", "�� node")


async def test_more_claims_than_a_call_holds(queue: Queue, client: Any, make: MakeSide) -> None:
    side = await make()
    await queue.enqueue([make_ticket(f"s{n:04}", at=n) for n in range(1_205)])
    claims: list[Claim] = []
    turn = await side.link.turn([], 1_200, side.worker.offers)
    claims += turn.claims
    while turn.more and len(claims) < 1_200:
        turn = await side.link.turn([], 1_200 - len(claims), side.worker.offers)
        claims += turn.claims
    assert ids(claims) == [f"s{n:04}" for n in range(1_200)]
    await lapse(client, *ids(claims))
    assert await side.beat(*[Beat(claim, 1.0, "begun") for claim in claims]) == set()
    assert (await queue.reclaim(2_000)).offered == 0
    await side.link.turn([Settled(claim, RETRYABLE) for claim in claims[:600]], 0, side.worker.offers)
    assert await kinds(client, "s0599") == ["started", "progress", "retrying"]
    assert await side.link.release(claims[600:]) == 600
    assert await queue.ticket_states(["s0600", "s1199"]) == ["waiting", "waiting"]


class Odd(Scripted):
    """A connector with names that cannot be told, and little to say for itself."""

    async def check(self) -> Health:
        return Health(ok=True)

    async def capabilities(self) -> Capabilities:
        odd = ("\ud800.ckpt", "a\0b.ckpt", "x" * 501)
        return Capabilities(models=("m.ckpt", *odd), custom_nodes=("Node", *odd), extra={"\0": "x", "device": "cuda"})


class Broken(Odd):
    """One whose reason cannot be told as it is."""

    name = "broken"

    async def check(self) -> Health:
        raise ValueError("\0\ud800" + "x" * 1_000)


async def test_a_worker_with_odd_names_is_heard_of(client: Any, make: MakeSide) -> None:
    async def body(_ticket: Ticket, _context: RunContext) -> Outcome:
        raise NotImplementedError

    side = await make()
    found = await Surveyor({"noop": Odd(body), "other": Broken(body)}).ask()
    info = WorkerInfo(side.worker_id, "machine", "idle", found.offers, 1, connectors=dict(found.health))
    await asyncio.to_thread(side.member.announce, info)
    (listed,) = await Fleet(client, PREFIX).workers()
    offer = listed.offers["noop"]
    assert (offer.models, offer.custom_nodes, offer.capabilities) == ({"m.ckpt"}, {"Node"}, (("device", "cuda"),))
    assert listed.connectors["broken"].startswith("failed unexpectedly: ValueError: ��xxx")
    assert (await side.link.turn([], 1, found.offers)).claims == ()
