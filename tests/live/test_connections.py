"""Who may connect, what a client may send, and every way a connection ends."""

import asyncio
import gc
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
import redis.asyncio
from starlette.websockets import WebSocket
from tests.apps import as_user, free_port
from tests.auth.tokens import SECRET, good
from tests.engines import Engines
from tests.live.scene import Scene, Socket, scene_of
from tests.orchestrator.rig import picture
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from emprops.auth import store
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.tasks import stop_tasks
from emprops.kit.web.websocket import MAX_MESSAGE_BYTES
from emprops.live.audience import MAX_SUBSCRIPTIONS
from emprops.live.connection import BURST, converse
from emprops.live.messages import Message, message
from emprops.live.send_buffer import Outbox
from emprops.settings import Settings

pytestmark = pytest.mark.timeout(60)
ANNA, BERT = UUID("0192f0c8-0000-7000-8000-00000000000a"), UUID("0192f0c8-0000-7000-8000-00000000000b")


async def status_of(scene: Scene, path: str, headers: Any = ()) -> int:
    """Try to connect: 101, or the status of the refusal, which must be in the envelope."""
    try:
        async with scene.socket(path, headers) as opened:
            assert (await opened.next())["type"] == "connection_established"
    except InvalidStatus as refused:
        body = orjson.loads(refused.response.body)
        assert body["data"] is None
        assert body["error"]
        assert body["request_id"]
        return refused.response.status_code
    return 101


async def add_key(database: Database, scope: str, owner: UUID | None = None) -> dict[str, str]:
    key = make_key()
    async with database.transaction() as tx:
        await store.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[scope], owner=owner, life=None
        )
    return {"X-API-Key": key.text}


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


async def test_a_life_ends_with_a_reason(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    short = settings.model_copy(update={"stream_life": 0.5})
    async with scene_of(short, database, redis, tmp_path) as scene, scene.page() as page:
        assert await page.closed() == (1001, "This connection has lived long enough; connect again.")


def large(number: int) -> Message:
    return message("job_status_changed", {"number": number, "text": "x" * 50_000})


async def test_clients_that_do_not_read_are_cut_off_and_hold_up_nobody(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    """Real sockets with small buffers that nobody reads."""
    patient = settings.model_copy(
        update={"stream_send_timeout": 0.3, "socket_limit_per_user": 50, "stream_poll": 120.0}
    )
    async with scene_of(patient, database, redis, tmp_path) as scene, scene.page() as page, AsyncExitStack() as stack:
        deaf = [await stack.enter_async_context(unread(scene)) for _ in range(20)]
        job_id = await scene.start()
        await page.subscribe(job_id)
        for listener in list(scene.live._audience.monitors):
            for number in range(100):
                listener.tell(large(number))
            assert len(listener.outbox) <= 100
        await scene.run(picture())
        await page.until("job_status_changed", status="completed")
        await scene.connections(1)
        assert len(deaf) == 20
        assert scene.live._audience.monitors == set()


def unread(scene: Scene) -> Any:
    receiving = socket.socket()
    receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    receiving.connect(("127.0.0.1", int(scene.base.rpartition(":")[2])))
    return connect(
        f"{scene.base}/ws/monitor/deaf",
        sock=receiving,
        additional_headers=scene.service,
        proxy=None,
        max_queue=1,
        close_timeout=0.1,
    )


async def test_too_much_at_once_is_cut_off_with_a_reason(scene: Scene) -> None:
    async with scene.monitor() as desk:
        [listener] = scene.live._audience.monitors
        for number in range(2_000):
            listener.tell(message("worker_connected", {"number": number}))
        assert await desk.closed() == (1013, "You read too slowly; connect again.")


async def test_a_connection_does_not_outlive_what_it_hears_from(scene: Scene) -> None:
    job_id = await scene.start()
    async with scene.page() as page, scene.monitor() as desk:
        [news] = [task for task in asyncio.all_tasks() if task.get_name() == "live"]
        news.cancel()  # as if it had broken off
        for client in (page, desk):
            assert await client.closed() == (1011, "Something went wrong on our side; connect again.")
    async with scene.page() as page:
        await page.subscribe(job_id)


async def test_waiting_progress_is_merged_and_ends_are_kept() -> None:
    outbox = Outbox(max_waiting=3, max_characters=1_000)
    for number in range(50):
        outbox.put(Message(f"progress {number}", ("progress", "a", "1")))
    outbox.put(Message("end"))
    outbox.put(Message("progress", ("progress", "b", "1")))
    assert [(await outbox.take()).text for _ in range(3)] == ["progress 49", "end", "progress"]  # type: ignore[union-attr]
    outbox.put(Message("x" * 5_000))
    assert not outbox.overflown, "one large message is sent"
    outbox.put(Message("y"))
    assert await outbox.take() is None
    assert len(outbox) == 0


async def test_a_client_that_leaves_is_forgotten(scene: Scene) -> None:
    job_id = await scene.start()
    async with scene.page() as page, scene.monitor():
        await page.subscribe(job_id)
        page.connection.transport.abort()
        await scene.connections(1)
        assert scene.live._audience.subscribers == {}
    await scene.connections(0)


async def _unexpected(text: str) -> None:
    pytest.fail(text)


async def test_a_client_that_leaves_while_it_is_sent_something_is_no_error() -> None:
    """Reader and writer end in the same moment; what the second one says must not come up as a traceback later."""
    incoming: list[dict[str, Any]] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}]

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            raise OSError("the client is gone")

    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    gone = WebSocket({"type": "websocket"}, receive, send)  # type: ignore[arg-type]
    await gone.accept()
    outbox = Outbox()
    outbox.put(Message("news"))
    news = asyncio.create_task(asyncio.Event().wait())
    await converse(gone, outbox, _unexpected, news, send_timeout=5, life=5)
    await stop_tasks([news])
    gc.collect()
    assert unheard == []


async def test_a_server_that_stops_says_goodbye_at_once(engines: Engines, tmp_path: Path) -> None:
    """A process of its own, with one client that reads and one that does not."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from emprops.cli.main import app; app(['api'])",
        env={
            "DATABASE_URL": engines.database_url,
            "REDIS_URL": engines.redis_url,
            "EMPROPS_DATA_DIR": str(tmp_path),
            "PORT": str(port),
        },
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            while b"running on" not in await process.stderr.readline():
                pass
        url = f"ws://127.0.0.1:{port}/ws/client/page"
        async with connect(url, additional_headers=as_user(ANNA), proxy=None) as connection:
            page = Socket(connection, [])
            await page.until("full_state_snapshot")
            process.send_signal(signal.SIGTERM)
            assert await page.closed() == (1001, "The server stops; connect again.")
        async with asyncio.timeout(8):
            await process.communicate()
        assert process.returncode in (0, -signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
