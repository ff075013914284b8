"""WebSockets and streams that a session opens: from pages of this origin only, and no longer than the session."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from tests.factories import make_session
from tests.live.callers import ANNA, status_of
from tests.live.mine import Events
from tests.live.scene import Scene

from emprops.auth.session_watch import SessionWatch
from emprops.auth.sessions import SessionRing
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id

pytestmark = pytest.mark.timeout(60)


def sessions(scene: Scene) -> SessionRing:
    found: SessionRing = scene.app.state.sessions
    return found


async def headers_of(scene: Scene, role: str = "user") -> dict[str, str]:
    """What a browser sends when a page of the api opens a WebSocket."""
    async with scene.database.transaction() as tx:
        secret = await make_session(tx, ANNA, role=role)
    origin = str(scene.client.base_url).rstrip("/")
    return {"Cookie": f"emprops={secret}", "Origin": origin, "Sec-Fetch-Site": "same-origin"}


async def revoke(scene: Scene) -> UUID:
    """Revoke all sessions as another process does: this one hears nothing of it."""
    async with scene.database.transaction() as tx:
        await tx.execute("UPDATE session SET revoked_at = now()")
        return UUID(str(await tx.fetch_value("SELECT id FROM session")))


async def test_pages_of_this_origin_open_sockets_by_cookie(scene: Scene) -> None:
    headers = await headers_of(scene)
    assert await status_of(scene, "/ws/client/page", headers) == 101
    assert await status_of(scene, "/ws/monitor/desk", headers) == 403
    assert await status_of(scene, "/ws/monitor/desk", await headers_of(scene, "viewer")) == 101
    own = {name: value for name, value in headers.items() if name != "Sec-Fetch-Site"}
    assert await status_of(scene, "/ws/client/page", own) == 101
    for wrong in (
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert await status_of(scene, "/ws/client/page", headers | wrong) == 403, wrong
    cookie = {"Cookie": headers["Cookie"]}
    assert await status_of(scene, "/ws/client/page", cookie | {"Sec-Fetch-Site": "same-origin"}) == 403
    assert await status_of(scene, "/ws/client/page", cookie) == 403
    assert await status_of(scene, "/ws/client/page", headers | {"Cookie": f"emprops={'x' * 43}"}) == 401


async def test_a_session_that_looks_cancels_nothing(scene: Scene) -> None:
    scene.user_id = ANNA
    job_id = await scene.start()
    async with scene.socket("/ws/client/page", await headers_of(scene, "viewer")) as opened:
        await opened.subscribe(job_id)
        assert (await opened.ask("cancel_job", "error", job_id=job_id))["code"] == "forbidden"


async def test_a_socket_ends_with_its_session(scene: Scene) -> None:
    headers = await headers_of(scene)
    made = await scene.client.post("/ws/ticket", headers=headers)
    by_ticket = f"/ws/client/page?ticket={made.json()['data']['ticket']}"
    async with scene.socket("/ws/client/page", headers) as first, scene.socket(by_ticket, {}) as second:
        await first.until("full_state_snapshot")
        await second.until("full_state_snapshot")
        await sessions(scene).watch.look(scene.database)
        await first.send("ping")
        await revoke(scene)
        await sessions(scene).watch.look(scene.database)
        assert await first.closed() == (1008, "The session has ended; sign in again.")
        assert await second.closed() == (1008, "The session has ended; sign in again.")
    await scene.connections(0)
    assert not sessions(scene).watch._open


async def test_signing_out_ends_the_sockets_of_this_process_at_once(scene: Scene) -> None:
    headers = await headers_of(scene)
    async with scene.socket("/ws/client/page", headers) as opened:
        await opened.until("full_state_snapshot")
        assert (await scene.client.delete("/session", headers=headers)).status_code == 200
        assert (await opened.closed())[0] == 1008


async def test_a_stream_ends_with_its_session(scene: Scene) -> None:
    headers = await headers_of(scene)
    async with scene.client.stream("GET", "/api/jobs/stream", headers=headers) as reply:
        events = Events(reply.aiter_lines())
        assert (await events.next())[0] == "mine_subscribed"
        await revoke(scene)
        await sessions(scene).watch.look(scene.database)
        assert [line async for line in events.lines if line and not line.startswith(":")] == []
    assert not sessions(scene).watch._open
    sessions(scene).forget(new_id())


class Meanwhile:
    """A database during whose reads something happens."""

    def __init__(self, database: Database, happens: Callable[[], object]) -> None:
        self._database = database
        self._happens = happens

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Transaction]:
        async with self._database.reader() as reader:
            yield reader
            self._happens()


async def test_what_is_opened_during_a_look_is_not_ended_by_it(scene: Scene) -> None:
    """That session was not asked about."""
    watch, ended = SessionWatch(), []
    old, new = new_id(), new_id()
    give_back = [watch.lease(old, scene.database)(lambda: ended.append(old))]

    def opened() -> None:
        give_back.append(watch.lease(new, scene.database)(lambda: ended.append(new)))

    await watch.look(Meanwhile(scene.database, opened))  # type: ignore[arg-type]
    assert ended == [old]
    for end in give_back:
        end()
    assert not watch._open
