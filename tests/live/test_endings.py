"""Every way a connection ends, and what a slow client is sent."""

import asyncio
import gc
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from starlette.websockets import WebSocket
from tests.apps import as_user, free_port
from tests.engines import Engines
from tests.live.callers import ANNA
from tests.live.scene import Scene, Socket, scene_of
from tests.orchestrator.rig import picture
from websockets.asyncio.client import connect

from emprops.kit.database import Database
from emprops.kit.tasks import stop_tasks
from emprops.live.connection import converse
from emprops.live.messages import Message, message
from emprops.live.send_buffer import Outbox
from emprops.settings import Settings

pytestmark = pytest.mark.timeout(60)


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
        async with asyncio.timeout(20):  # five for what does not end by itself, the rest for a busy machine
            await process.communicate()
        assert process.returncode in (0, -signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
