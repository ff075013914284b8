"""Who may connect, and what a client may send."""

from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from tests.apps import as_user
from tests.auth.tokens import SECRET, good
from tests.live.callers import ANNA, BERT, add_key, status_of
from tests.live.scene import Scene, scene_of

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.web.websocket import MAX_MESSAGE_BYTES
from emprops.live.audience import MAX_SUBSCRIPTIONS
from emprops.live.connection import BURST
from emprops.settings import Settings

pytestmark = pytest.mark.timeout(60)


async def test_who_may_connect(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    production = Settings(
        mode="production", jwt_secret=SECRET, database_url=settings.database_url, redis_url=settings.redis_url
    )
    user = {"Authorization": f"Bearer {good()}"}
    async with scene_of(production, database, redis, tmp_path) as scene:
        worker, read = await add_key(database, "worker"), await add_key(database, "read")
        reader = await add_key(database, "read", ANNA)
        callers: list[tuple[Any, int, int]] = [
            ((), 401, 401),
            (as_user(ANNA), 401, 401),
            ({"Authorization": "Bearer x"}, 401, 401),
            (user, 101, 403),
            (worker, 403, 403),
            (reader, 101, 403),
            (read, 101, 101),
            (scene.service, 101, 101),
            (scene.service | as_user(ANNA), 101, 101),
        ]
        for headers, client, monitor in callers:
            for prefix in ("", "/api"):
                assert await status_of(scene, f"{prefix}/ws/client/page", headers) == client, headers
                assert await status_of(scene, f"{prefix}/ws/monitor/desk", headers) == monitor, headers
        assert await status_of(scene, f"/ws/client/{'x' * 101}", user) == 400
        assert await status_of(scene, "/ws/other/x", user) == 404
        assert await status_of(scene, f"/ws/client/page?api_key={read['X-API-Key']}", user) == 400


async def test_keys_that_only_read_cancel_nothing(scene: Scene) -> None:
    job_id = await scene.start()
    for key in (await add_key(scene.database, "read"), await add_key(scene.database, "read", scene.user_id)):
        async with scene.socket("/ws/client/page", key) as opened:
            await opened.subscribe(job_id)
            refused = await opened.ask("cancel_job", "error", job_id=job_id)
            assert refused["code"] == "forbidden"
    assert (await scene.job(job_id))["status"] == "pending"


async def test_pages_of_other_sites_are_refused_in_local_mode(scene: Scene) -> None:
    for origin, status in (("https://evil.example", 403), ("null", 403), ("http://localhost:5173", 101)):
        assert await status_of(scene, "/ws/client/page", as_user(ANNA) | {"Origin": origin}) == status


async def test_a_ticket_opens_one_connection(scene: Scene) -> None:
    reply = await scene.client.post("/ws/ticket", headers=as_user(scene.user_id))
    assert reply.status_code == 201
    ticket = reply.json()["data"]["ticket"]
    job_id = await scene.start()
    async with scene.socket(f"/ws/client/page?ticket={ticket}", {}) as opened:
        assert (await opened.next())["user_id"] == str(scene.user_id)
        await opened.subscribe(job_id)
    for path in (f"/ws/client/page?ticket={ticket}", "/ws/client/page?ticket=x", "/ws/client/page"):
        assert await status_of(scene, path) == 401
    of_a_stream = (await scene.post(job_id, "stream-ticket")).json()["data"]["ticket"]
    assert await status_of(scene, f"/ws/client/page?ticket={of_a_stream}") == 401
    for headers, status in ((as_user(ANNA), 403), (scene.service, 101)):
        ticket = (await scene.client.post("/api/ws/ticket", headers=headers)).json()["data"]["ticket"]
        assert await status_of(scene, f"/ws/monitor/desk?ticket={ticket}") == status
    ticket = (await scene.client.post("/ws/ticket", headers=as_user(ANNA))).json()["data"]["ticket"]
    stream = await scene.client.get(f"/api/jobs/{job_id}/stream", params={"ticket": ticket})
    assert stream.status_code == 401


GARBAGE = [
    ("", "The message is not valid JSON."),
    ("{", "The message is not valid JSON."),
    ("[" * 10_000, "The message is not valid JSON."),
    ("[]", "The message must be a JSON object with a type."),
    ("null", "The message must be a JSON object with a type."),
    ("{}", "type: must be one of subscribe_job"),
    ('{"type": "submit_job"}', "type: must be one of subscribe_job"),
    ('{"type": 7}', "type: must be one of subscribe_job"),
    ('{"type": "subscribe_job"}', "job_id is required"),
    ('{"type": "subscribe_job", "job_id": "x"}', "job_id: "),
    ('{"type": "cancel_job", "job_id": null}', "job_id: "),
    ('{"type": "ping", "id": 7}', "id: "),
]


async def test_garbage_is_answered_and_the_connection_stays(scene: Scene) -> None:
    async with scene.page() as page:
        for text, sentence in GARBAGE:
            await page.connection.send(text)
            answer = await page.until("error")
            assert answer["error"].startswith(sentence), text
            assert answer["code"] == "bad_request"
        assert await page.ask("ping", "heartbeat_ack")
        assert await page.ask("heartbeat", "heartbeat_ack")


async def test_what_a_client_may_not_send_ends_its_connection(scene: Scene) -> None:
    async with scene.page() as page:
        await page.connection.send(b"\x00")
        assert await page.closed() == (1003, "Send text, not binary.")
    async with scene.page() as page:
        await page.connection.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert (await page.closed())[0] == 1009
    async with scene.page() as page:
        for _ in range(BURST * 2):
            await page.send("ping")
        assert await page.closed() == (1008, "You send more than 20 messages a second.")
    await scene.connections(0)


async def test_subscriptions_are_limited(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emprops.live.audience.MAX_SUBSCRIPTIONS", 2)
    assert MAX_SUBSCRIPTIONS > 2
    jobs = [await scene.start() for _ in range(3)]
    async with scene.page() as page:
        for job_id in (*jobs[:2], jobs[0]):
            await page.subscribe(job_id)
        refused = await page.ask("subscribe_job", "error", job_id=jobs[2])
        assert refused["error"] == "A connection may follow 2 jobs; unsubscribe from one first."
        await page.ask("unsubscribe", "job_unsubscribed", job_id=jobs[0])
        await page.subscribe(jobs[2])
    await scene.connections(0)
    assert scene.live._audience.subscribers == {}
    assert scene.live._task is None


async def test_connections_are_limited(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    few = settings.model_copy(update={"socket_limit": 2, "socket_limit_per_user": 1})
    async with scene_of(few, database, redis, tmp_path) as scene:
        async with scene.page(ANNA):
            assert await status_of(scene, "/ws/client/page", as_user(ANNA)) == 503
            async with scene.page(BERT):
                assert await status_of(scene, "/ws/client/page", as_user(new_id())) == 503
        await scene.connections(0)
        assert await status_of(scene, "/ws/client/page", as_user(ANNA)) == 101
