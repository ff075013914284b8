"""One key, one deed: replays, mismatches, twins at a time, failures that leave no trace."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from pydantic import BaseModel
from structlog.testing import capture_logs
from tests.apps import api, as_user, client_of, served

from emprops.auth import store as keys
from emprops.auth.caller import SERVICE
from emprops.auth.dependencies import CurrentCaller
from emprops.auth.keys import make_key
from emprops.auth.once import Once
from emprops.errors import ConflictError
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.web import idempotency
from emprops.kit.web.endpoint import Shared, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.samples import store as samples
from emprops.settings import Settings

USER, OTHER = new_id(), new_id()


class Note(BaseModel):
    text: str
    size: float = 1
    then: str = ""


@dataclass
class Gate:
    """Where a request that says ``then: wait`` stands still."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)


gates: list[Gate] = []
committed: list[str] = []
routes = router(prefix="/notes")


@routes.post("", status_code=201)
@routes.post("/of/{place}", status_code=201)
async def add_note(
    body: Note, _caller: CurrentCaller, tx: Tx, resources: Shared, _once: Once, place: str = "", tag: str = ""
) -> Envelope[dict[str, Any]]:
    """Make a user, which is the simplest row there is."""
    made = new_id()
    await tx.execute("INSERT INTO app_user (id) VALUES (%s)", (made,))
    tx.after_commit(lambda: committed.append(str(made)))
    if body.then == "wait":
        gates[0].reached.set()
        await gates[0].open.wait()
    if body.then == "refuse":
        raise ConflictError("no")
    if body.then == "break":
        raise RuntimeError("bug")
    if body.then == "lose":
        pid = await tx.fetch_value("SELECT pg_backend_pid()")
        async with resources.database.reader() as other:
            await other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    return ok({"id": str(made), "text": body.text, "place": place, "tag": tag, "z": 0.25, "a": [1, None]})


@pytest.fixture
async def app(settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path) -> AsyncIterator[Any]:
    async with api(settings, database, redis, tmp_path, extra=routes) as app:
        committed.clear()
        gates[:] = [Gate()]
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        client.headers.update(as_user(USER))
        yield client


async def post(
    client: httpx2.AsyncClient, body: Any, key: str | None = "key-1", path: str = "/notes", **headers: str
) -> httpx2.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    sent = {"Content-Type": "application/json", **headers} | ({} if key is None else {"Idempotency-Key": key})
    return await client.post(path, content=content, headers=sent)


async def count(database: Database, table: str) -> int:
    async with database.reader() as reader:
        number: int = await reader.fetch_value(f"SELECT count(*) FROM {table}")
        return number


async def test_the_second_answer_is_the_first(client: httpx2.AsyncClient, database: Database) -> None:
    first = await post(client, {"text": "Ünïcode"})
    again = await post(client, {"text": "Ünïcode"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == "application/json"
    assert await count(database, "app_user") == 1
    assert committed == [first.json()["data"]["id"]]


async def test_only_keys_are_remembered(client: httpx2.AsyncClient, database: Database) -> None:
    await post(client, {"text": "a"}, key=None)
    await post(client, {"text": "a"}, key=None)
    assert await count(database, "app_user") == 2
    assert await count(database, "idempotency_key") == 0


async def test_how_the_body_is_written_does_not_matter(client: httpx2.AsyncClient) -> None:
    first = await post(client, '{"text": "a", "size": 2, "extra": {"b": 1, "c": 2}}')
    again = await post(client, '{"extra":{"c":2,"b":1},\n"size":2,"text":"\\u0061"}')
    assert again.json() == first.json()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"text": "b"}, "/notes/of/x?tag=t"),
        ({"text": "a", "size": 2}, "/notes/of/x?tag=t"),
        ({"text": "a", "unknown": None}, "/notes/of/x?tag=t"),
        ({"text": "a"}, "/notes/of/y?tag=t"),
        ({"text": "a"}, "/notes/of/x?tag=u"),
        ({"text": "a"}, "/notes/of/x"),
    ],
)
async def test_another_request_is_refused(client: httpx2.AsyncClient, database: Database, body: Any, path: str) -> None:
    assert (await post(client, {"text": "a"}, path="/notes/of/x?tag=t")).status_code == 201
    other = await post(client, body, path=path)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert await count(database, "app_user") == 1


async def test_a_key_is_its_sender_s(client: httpx2.AsyncClient, database: Database) -> None:
    services = []
    async with database.transaction() as tx:
        for _ in range(2):
            key = make_key()
            await keys.add_key(
                tx, prefix=key.prefix, digest=key.digest, name="", scopes=[SERVICE], owner=None, life=None
            )
            services.append(key.text)
    callers = [
        as_user(USER),
        as_user(OTHER),
        *({"X-API-Key": key, "user_id": ""} for key in services),
        {"X-API-Key": services[0], **as_user(USER)},
        {"X-API-Key": services[0], **as_user(OTHER)},
    ]
    answers = [await post(client, {"text": "a"}, **caller) for caller in callers]
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json()["data"]["id"] for answer in answers}) == 6
    for caller, answer in zip(callers, answers, strict=True):
        assert (await post(client, {"text": "a"}, **caller)).json() == answer.json()


async def test_a_twin_of_a_running_request_is_sent_away(client: httpx2.AsyncClient, database: Database) -> None:
    body = {"text": "a", "then": "wait"}
    first = asyncio.create_task(post(client, body))
    await gates[0].reached.wait()
    twin = await post(client, body)
    assert (twin.status_code, twin.json()["code"]) == (409, "idempotency_running")
    assert twin.headers["retry-after"] == "1"
    gates[0].open.set()
    answer = (await first).json()
    assert (await post(client, body)).json() == answer
    assert await count(database, "app_user") == 1


@pytest.mark.parametrize(("then", "status"), [("refuse", 409), ("break", 500), ("lose", 503)])
async def test_what_failed_left_no_trace(
    client: httpx2.AsyncClient, database: Database, then: str, status: int
) -> None:
    with capture_logs():
        assert (await post(client, {"text": "a", "then": then})).status_code == status
    assert await count(database, "idempotency_key") == 0
    assert await count(database, "app_user") == 0
    assert (await post(client, {"text": "a"})).status_code == 201


async def test_invalid_requests_do_not_use_the_key_up(client: httpx2.AsyncClient) -> None:
    assert (await post(client, {"text": 1})).status_code == 400
    assert (await post(client, {"text": "a"}, user_id="")).status_code == 401
    assert (await post(client, {"text": "a"})).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256, "clé", "a\tb", "\x7f"])
async def test_keys_that_are_none(client: httpx2.AsyncClient, key: str) -> None:
    response = await client.post("/notes", json={"text": "a"}, headers=[(b"Idempotency-Key", key.encode("latin-1"))])
    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()["error"]


@pytest.mark.parametrize("key", ["k", "k" * 255, "a key: {~}!"])
async def test_keys_at_the_limits(client: httpx2.AsyncClient, key: str) -> None:
    first = await post(client, {"text": "a"}, key=key)
    assert (await post(client, {"text": "a"}, key=key)).json() == first.json()


async def test_fifty_at_once_make_one_job(app: FastAPI, database: Database) -> None:
    await samples.seed(database)
    collection = samples.SAMPLES.collections["art"]
    seen = set()

    async def one(client: httpx2.AsyncClient, path: str) -> dict[str, Any]:
        while True:  # as a client does that is told to come again
            response = await post(client, {"variables": {"prompt": "a harbour"}}, path=path, **as_user(USER))
            seen.add(response.status_code)
            if response.status_code != 409:
                return dict(response.json())

    paths = [f"/api/collections/{collection}/generate", f"/generator/v2/{collection}"] * 25
    async with served(app) as client:
        answers = await asyncio.gather(*(one(client, path) for path in paths))
    assert seen <= {200, 409}
    assert answers == answers[:1] * 50
    assert await count(database, "job") == 1
    assert await count(database, "idempotency_key") == 1


async def test_old_keys_are_forgotten(
    client: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "PURGE_BATCH", 2)
    first = [await post(client, {"text": "a"}, key=f"key-{number}") for number in range(6)]
    async with database.transaction() as tx:
        await tx.execute(
            """
            UPDATE idempotency_key SET created_at = now() - interval '7 days'
                + CASE key WHEN 'key-5' THEN interval '1 minute' ELSE interval '-1 second' END
            """
        )
    assert await idempotency.purge(database) == 5
    assert (await post(client, {"text": "a"}, key="key-5")).json() == first[5].json()
    assert (await post(client, {"text": "a"}, key="key-0")).json() != first[0].json()
