"""What a worker key cannot do: touch what another key's workers hold, ask too much, send too much or nonsense."""

import asyncio
from typing import Any

import httpx2
import orjson
import pytest
from fastapi import FastAPI
from tests.gateway.rig import Side, add_key, http_side, public, until
from tests.queue.helpers import Worker, ids, kinds, lapse, make_ticket, nested, reports

from emprops.errors import TooManyRequestsError
from emprops.gateway.identity import is_own, token_of
from emprops.gateway.limits import MAX_OFFERS, KeyLimits
from emprops.kit.database import Database
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet
from emprops.queue.keys import KEYS
from emprops.queue.messages import Finished
from emprops.queue.transport import Beat, Settled, WorkerRefusedError
from emprops.settings import Settings
from emprops.worker.remote.link import RemoteLink
from emprops.worker.remote.server import Server

PREFIX = "emprops:"
HTML = {"mime_type": "text/html", "content": "PGI+"}


@pytest.fixture
async def thief(client: Any, url: str, database: Database) -> Any:
    """A worker with another key, which has found out the first one's name and tokens."""
    side = await http_side(client, url, await add_key(database, "worker"))
    yield side
    await side.close()


async def test_claims_of_another_key_are_out_of_reach(queue: Queue, client: Any, side: Side, thief: Side) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await side.worker.claim_one()
    before = await client.hgetall(f"{PREFIX}{KEYS.ticket}s")
    lease = await client.zscore(PREFIX + KEYS.leases, "s")
    assert not await thief.worker.finish(claim, Finished(data={"text": "mine"}))
    assert await thief.beat(Beat(claim, 99.0, "mine")) == {"s"}
    assert await thief.link.release([claim]) == 0
    assert await client.hgetall(f"{PREFIX}{KEYS.ticket}s") == before
    assert await client.zscore(PREFIX + KEYS.leases, "s") == lease
    assert await kinds(client, "s") == ["started"]
    assert await side.worker.finish(claim)
    assert not await thief.worker.finish(claim)


async def test_a_claim_over_redis_is_out_of_reach(queue: Queue, client: Any, thief: Side) -> None:
    trusted = Worker(client, "worker-1")
    await queue.enqueue([make_ticket("s")])
    claim = await trusted.claim_one()
    with pytest.raises(OSError, match="token"):
        await thief.worker.finish(claim)
    assert await trusted.finish(claim)


async def test_nobody_holds_a_step_beyond_its_time(queue: Queue, client: Any, side: Side) -> None:
    """Its own worker stops a run in time; one that does not is not trusted to say that it still works."""
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    s, t = await side.worker.claim_one(), await side.worker.claim_one()
    assert await side.beat(Beat(s), Beat(t)) == set()
    left = await client.ttl(f"{PREFIX}{KEYS.renewable}{s.token}")
    assert 1800 < left <= 1920
    await client.delete(f"{PREFIX}{KEYS.renewable}{s.token}")  # what the end of that time does
    await lapse(client, "s", "t")
    assert await side.beat(Beat(s), Beat(t)) == {"s"}
    assert (await queue.reclaim()).offered == 1


async def test_another_keys_request_gives_nothing_away(
    queue: Queue, side: Side, thief: Side, http: httpx2.AsyncClient, key: str
) -> None:
    """The repetition of a call gets the first answer; but only from the one who made it."""
    await queue.enqueue([make_ticket("s")])
    body = {"worker": "worker-1", "request": "ab" * 16, "want": 1, "offers": {"noop": {}}}
    first = await http.post("/api/worker/turn", json=body, headers={"X-API-Key": key})
    assert [claim["ticket"]["id"] for claim in first.json()["data"]["claims"]] == ["s"]
    answers = [
        await http.post("/api/worker/turn", json=body, headers={"X-API-Key": who.link.server.key})
        for who in (side, thief)
    ]
    assert [len(answer.json()["data"]["claims"]) for answer in answers] == [1, 0]


async def test_names_in_the_fleet_carry_the_key(client: Any, http: httpx2.AsyncClient, key: str) -> None:
    info = {
        "status": "idle",
        "concurrency": 1,
        "worker_id": "worker-of-somebody-else",
        "machine_id": "their-machine",
        "connectors": {"noop": "ok\x1b[31m" + "x" * 10_000},
        "of_a_later_version": {"a": 1},
    }
    body = {"worker": "w", "machine": "m", "offers": {"noop": {}}, "info": info}
    assert (await http.post("/api/worker/announce", json=body, headers={"X-API-Key": key})).status_code == 200
    (listed,) = await Fleet(client, PREFIX).workers()
    assert (listed.worker_id, listed.machine_id) == (f"{public(key)}.w", f"{public(key)}.m")
    assert listed.connectors["noop"].startswith("ok[31mxxx")
    assert len(listed.connectors["noop"]) < 300


async def test_an_error_text_is_cut(queue: Queue, client: Any, side: Side) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await side.worker.claim_one()
    endless = Finished(failure="final", error="\x1b]0;" + "no" * 500_000, details={"log": "x" * 100_000})
    assert await side.worker.finish(claim, endless)
    failed = (await reports(client, "s"))[-1]
    assert failed.finished is not None
    assert len(failed.finished.error) == 2_000
    assert "\x1b" not in failed.finished.error
    assert failed.finished.details == {"omitted": "The details had more than 16384 bytes."}


@pytest.mark.parametrize("data", [{"text": "x" * 300_000}, {"text": "x" * 9_000_000}, nested(65)])
async def test_a_result_that_is_not_taken_fails_its_step_and_no_other(
    queue: Queue, client: Any, side: Side, data: dict[str, Any]
) -> None:
    await queue.enqueue([make_ticket(f"s{n}", at=n) for n in range(5)])
    claims = await side.worker.claim(4)
    settled = [Settled(claim, Finished(data=data if n == 2 else {"text": "good"})) for n, claim in enumerate(claims)]
    turn = await side.link.turn(settled, 1, side.worker.offers)
    assert (ids(turn.claims), turn.late) == (["s4"], ())
    assert [(await kinds(client, claim.ticket.id))[-1] for claim in claims] == [
        "completed",
        "completed",
        "failed",
        "completed",
    ]
    failed = (await reports(client, "s2"))[-1].finished
    assert failed is not None
    assert failed.error.startswith("The server did not take the result: ")


HELLO = {"worker": "w", "protocol": 1}
TURN = {"worker": "w", "request": "ab" * 16, "want": 0, "offers": {}}
ENTRY = {"worker": "w", "machine": "m", "offers": {}, "info": {"status": "idle", "concurrency": 1}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("turn", {**TURN, "worker": "../w"}),
        ("turn", {**TURN, "worker": "w\n"}),
        ("turn", {**TURN, "worker": "w" * 81}),
        ("turn", {**TURN, "want": 501}),
        ("turn", {**TURN, "want": "1e999"}),
        ("turn", {**TURN, "request": "ab"}),
        ("turn", {**TURN, "offers": {"a b": {}}}),
        ("turn", {**TURN, "offers": {f"t{n}": {} for n in range(65)}}),
        ("turn", {**TURN, "finished": [{"step": '"', "token": "ab" * 32, "run": 1, "finished": {}}]}),
        ("turn", {**TURN, "finished": [{"step": "s", "token": "ab" * 32, "run": -1, "finished": {}}]}),
        ("turn", {**TURN, "finished": [{"step": "s", "token": '"' * 64, "run": 1, "finished": {}}]}),
        ("turn", {**TURN, "finished": [{"step": "s", "token": "ab" * 32, "run": 1, "finished": {"failure": "worse"}}]}),
        ("beat", {"worker": "w", "machine": '"', "beats": []}),
        ("beat", {"worker": "w", "machine": "m", "beats": [{"step": "s", "token": "ab" * 32, "progress": 1e9}]}),
        ("beat", {"worker": "w", "machine": "m", "beats": [{"step": "s", "token": "ab" * 32, "preview": HTML}]}),
        ("wait", {"worker": "w", "timeout": -1}),
        ("announce", {**ENTRY, "info": {"status": "on fire", "concurrency": 1}}),
        ("announce", {**ENTRY, "info": {}}),
        ("announce", {**ENTRY, "info": {"status": "idle", "concurrency": [[[]]]}}),
        ("announce", {**ENTRY, "info": {"status": "idle", "concurrency": -1}}),
        ("announce", {**ENTRY, "info": {"status": "idle", "concurrency": 1, "slots": {"noop": -1}}}),
        ("announce", {**ENTRY, "info": {"status": "idle", "concurrency": 1, "started_at": 2**53}}),
        ("hello", []),
        ("hello", None),
    ],
)
async def test_nonsense_is_refused(http: httpx2.AsyncClient, key: str, client: Any, path: str, body: Any) -> None:
    answer = await http.post(f"/api/worker/{path}", json=body, headers={"X-API-Key": key})
    assert answer.status_code == 400, answer.text
    assert await client.keys("*") == []


async def test_strangers_may_not_send_much(http: httpx2.AsyncClient, key: str) -> None:
    large = orjson.dumps({**TURN, "offers": {"x": {"models": ["m" * 400] * 3_000}}})
    assert len(large) > 1_000_000
    header = {"Content-Type": "application/json"}
    nobody = await http.post("/api/worker/turn", content=b"[" * 2_000_000, headers=header)
    assert nobody.status_code == 401
    assert (await http.post("/api/worker/turn", content=large, headers={**header, "X-API-Key": key})).status_code == 200
    huge = await http.post("/api/worker/turn", content=b" " * 9_000_000, headers={**header, "X-API-Key": key})
    assert huge.status_code == 413


async def test_keys_with_another_scope_are_refused(url: str, database: Database) -> None:
    for scope in ("service", "read"):
        link = RemoteLink(Server(url, await add_key(database, scope), "w"))
        with pytest.raises(WorkerRefusedError, match="scope"):
            await link.hello()
        await link.close()


async def test_another_protocol_is_refused_in_a_sentence(http: httpx2.AsyncClient, key: str) -> None:
    header = {"X-API-Key": key}
    for version, side in ((2, "update the api."), (0, "update the worker.")):
        answer = await http.post("/api/worker/hello", json={**HELLO, "protocol": version}, headers=header)
        assert answer.status_code == 409
        assert answer.json()["error"].endswith(side)
    terms = (await http.post("/api/worker/hello", json=HELLO, headers=header)).json()["data"]
    assert (terms["worker_id"], terms["lease"]) == (f"{public(key)}.w", 60.0)


async def test_a_later_wait_ends_an_earlier_one(app: FastAPI, side: Side, queue: Queue) -> None:
    """And the wake-up goes to whoever waits now."""
    first = asyncio.create_task(side.link.wait(10.0))
    await until(lambda: bool(app.state.gateway._waits))
    second = asyncio.create_task(side.link.wait(10.0))
    async with asyncio.timeout(5):
        assert await first is None
        await queue.enqueue([make_ticket("s")])
        assert await side.worker.claim() != []
        await queue.cancel([("s", 1)], "by the user")
        assert await second == "cancel"


async def test_a_client_that_hangs_up_takes_no_wake_up_along(app: FastAPI, side: Side, client: Any) -> None:
    wait = asyncio.create_task(side.link.wait(10.0))
    await until(lambda: bool(app.state.gateway._waits))
    wait.cancel()
    await asyncio.gather(wait, return_exceptions=True)
    await client.rpush(f"{PREFIX}{KEYS.wake}{side.worker_id}", "1")
    await until(lambda: not app.state.gateway._waits)
    assert await side.link.wait(1.0) == "work"


def test_a_token_is_bound_to_key_and_worker() -> None:
    token = token_of("aaaaaaaa.w", "ab" * 16)
    assert is_own("aaaaaaaa.w", token)
    assert not is_own("bbbbbbbb.w", token)
    assert not is_own("aaaaaaaa.v", token)


def test_a_key_is_limited(settings: Settings) -> None:
    now = [0.0]
    few = {"gateway_calls_per_second": 10, "gateway_workers_per_key": 2, "gateway_uploads": 4}
    limits = KeyLimits(settings.model_copy(update=few), lambda: now[0])
    for _ in range(20):
        limits.call("a", "a.1")
    with pytest.raises(TooManyRequestsError, match="10 calls a second"):
        limits.call("a", "a.1")
    limits.call("b", "b.1")  # another key is another matter
    now[0] = 1.0
    limits.call("a", "a.2")
    with pytest.raises(TooManyRequestsError, match="2 workers"):
        limits.call("a", "a.3")
    now[0] = 200.0
    limits.call("a", "a.3")  # the others fell silent
    for n in range(MAX_OFFERS):
        limits.offers("a", f"class-{n}")
    limits.offers("a", "class-0")
    with pytest.raises(TooManyRequestsError, match="different things"):
        limits.offers("a", "one-more")
    now[0] = 20_000.0
    limits.call("a", "a.1")  # after hours of silence, when all others are forgotten
    with limits.upload("a"), limits.upload("a"):
        with pytest.raises(TooManyRequestsError), limits.upload("a"):
            pass
        with limits.upload("b"):
            pass
