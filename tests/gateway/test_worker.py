"""The worker's real loop and heartbeat over HTTP: outages, a key that is revoked, and the way out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from tests.engines import Engines
from tests.gateway.rig import HttpProxy, http_side, public, until
from tests.queue.helpers import PREFIX, ids, kinds, make_ticket, reports
from tests.worker.rig import PATIENCE, ReportLog, Scripted, forever

from emprops.connectors.base import Outcome, Produced, RunContext
from emprops.kit.database import Database
from emprops.kit.outbound.client import GuardedClient
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Fleet
from emprops.queue.messages import Finished, Ticket
from emprops.queue.transport import AWAY, Settled, WorkerRefusedError
from emprops.settings import Settings, SettingsError
from emprops.worker.board import Board
from emprops.worker.connection import open_connection
from emprops.worker.main import work as work_over
from emprops.worker.offers import Surveyor
from emprops.worker.remote.server import server_from
from emprops.worker.runs import Tools


@pytest.fixture
async def proxy(url: str) -> AsyncIterator[HttpProxy]:
    async with HttpProxy(url).serving() as proxy:
        yield proxy


def remote(settings: Settings, url: str, key: str, **changes: Any) -> Settings:
    """Settings of a worker that knows nothing but the server."""
    own = {"server": url, "worker_key": SecretStr(key), "redis_url": "", "database_url": "", "worker_grace": 5.0}
    return settings.model_copy(update={**own, "progress_interval": 0.02, **changes})


@contextlib.asynccontextmanager
async def working(settings: Settings, body: Any) -> AsyncIterator[asyncio.Task[None]]:
    """A worker as `emprops worker` makes it, around one connector."""
    board, http, ready = Board(), GuardedClient(settings), asyncio.Event()
    connectors = {"noop": Scripted(body)}

    async def work() -> None:
        async with open_connection(settings, board) as connection:
            ready.set()
            surveyor = Surveyor(connectors)
            await surveyor.ask()
            tools = Tools(connection.storage, http, connection.settings)
            await work_over(connection, board, tools, connectors, surveyor)

    task = asyncio.create_task(work())
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE)
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await http.close()


async def test_it_works_without_redis_and_storage(
    queue: Queue, client: Any, settings: Settings, url: str, key: str, files: Path
) -> None:
    async def paint(ticket: Ticket, context: RunContext) -> Outcome:
        context.progress(50.0, "painting")
        return Outcome(files=[Produced("sea.png", "image/png", b"the sea")])

    log = ReportLog(client)
    await queue.enqueue([make_ticket(f"s{n}") for n in range(3)])
    async with working(remote(settings, url, key), paint):
        ended = [(await log.until(f"s{n}", "completed")).finished for n in range(3)]
        (listed,) = await Fleet(client, PREFIX).workers() or [None]
    for finished in ended:
        assert finished is not None
        assert (files / "files" / finished.files[0].key).read_bytes() == b"the sea"
    assert listed is None or listed.worker_id.startswith(f"{public(key)}.")


async def test_it_waits_for_a_server_that_is_away(
    queue: Queue, client: Any, settings: Settings, proxy: HttpProxy, key: str
) -> None:
    done = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        if ticket.id == "s":
            proxy.go_down()
            done.set()
        return Outcome(data={"n": 1})

    log = ReportLog(client)
    async with working(remote(settings, proxy.url, key), work):
        await queue.enqueue([make_ticket("s")])
        async with asyncio.timeout(PATIENCE):
            await done.wait()
            await proxy.refused.wait()  # it has the result, and nobody to tell
        assert await kinds(client, "s") == ["started"]
        proxy.come_up()
        await log.until("s", "completed")
        await queue.enqueue([make_ticket("t")])
        await log.until("t", "completed")
    assert await kinds(client, "s") == ["started", "completed"]


async def test_a_worker_whose_key_is_revoked_stops(
    queue: Queue, client: Any, settings: Settings, url: str, key: str, app: FastAPI, database: Database
) -> None:
    begun, revoked, stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        begun.set()
        await revoked.wait()
        context.progress(50.0)
        try:
            return await forever(ticket, context)
        finally:
            stopped.set()

    await queue.enqueue([make_ticket("s")])
    async with working(remote(settings, url, key), work) as task:
        async with asyncio.timeout(PATIENCE):
            await begun.wait()
            async with database.transaction() as tx:
                await tx.execute("UPDATE api_key SET revoked_at = now() WHERE prefix = %s", (public(key),))
            app.state.authenticator._credentials._keys._remembered.clear()  # as if its 15 s had passed
            revoked.set()
            await stopped.wait()
            with pytest.raises(WorkerRefusedError, match="The API key is not valid"):
                await task
    assert await kinds(client, "s") == ["started"]  # nothing is reported; the lease lapses


@pytest.mark.parametrize("spared", [0, 1])
async def test_more_than_one_call_holds_is_reported_in_several(
    queue: Queue, client: Any, url: str, key: str, spared: int
) -> None:
    """Also when one of the answers is lost: nothing is recorded twice, and no more is claimed than there are slots."""
    side = await http_side(client, url, key, cut=True)
    try:
        await queue.enqueue([make_ticket(f"s{n:02}", at=n) for n in range(25)])
        large = Finished(data={"text": "x" * 250_000})
        settled = [Settled(claim, large) for claim in await side.worker.claim(20)]
        side.lose_answers()
        side.proxy.spared = spared
        with pytest.raises(AWAY):
            await side.link.turn(settled, 2, side.worker.offers)
        turn = await side.link.turn(settled, 2, side.worker.offers)
    finally:
        await side.close()
    assert (ids(turn.claims), turn.late) == (["s20", "s21"], ())
    assert [await kinds(client, f"s{n:02}") for n in range(20)] == [["started", "completed"]] * 20
    assert await queue.ticket_states(["s21", "s22"]) == ["claimed", "waiting"]


async def test_claims_that_came_with_a_part_of_the_reports_are_not_forgotten(
    queue: Queue, client: Any, url: str, key: str
) -> None:
    """The first part brings what a lost answer had handed out; then the second part's answer is lost, too."""
    side = await http_side(client, url, key, cut=True)
    try:
        await queue.enqueue([make_ticket(f"s{n:02}", at=n) for n in range(23)])
        large = Finished(data={"text": "x" * 250_000})
        settled = [Settled(claim, large) for claim in await side.worker.claim(20)]
        for spared, ended in ((0, []), (1, settled)):
            side.lose_answers()
            side.proxy.spared = spared
            with pytest.raises(AWAY):
                await side.link.turn(ended, 2, side.worker.offers)
        turn = await side.link.turn(settled, 2, side.worker.offers)
    finally:
        await side.close()
    assert (ids(turn.claims), turn.late) == (["s20", "s21"], ())


async def test_an_outage_of_redis_behind_the_server_is_waited_out(
    queue: Queue, client: Any, settings: Settings, url: str, key: str, app: FastAPI, engines: Engines
) -> None:
    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        return Outcome(data={"n": 1})

    async with working(remote(settings, url, key), work):
        await until(lambda: any(name.startswith(public(key)) for name in app.state.gateway._waits))
        engines.restart_redis()
        await client.connection_pool.disconnect()
        await queue.enqueue([make_ticket("s")])
        await ReportLog(client).until("s", "completed")
    assert (await reports(client, "s"))[-1].finished is not None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"server": "http://api.example.com"}, "in the clear"),
        ({"server": "ftp://api.example.com"}, "is not an address"),
        ({"server": "https://user@api.example.com"}, "is not an address"),
        ({"server": "https://[::1"}, "is not an address"),
        ({"server": "https://api.example.com:port"}, "is not an address"),
        ({"worker_key": SecretStr("")}, "needs a key"),
        ({"worker_key": SecretStr("emp\n")}, "characters"),
        ({"worker_key": SecretStr(""), "worker_key_file": "/nonexistent"}, "cannot be read"),
    ],
)
def test_settings_that_must_not_be_used(settings: Settings, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        server_from(remote(settings, "https://api.example.com", "emp_x").model_copy(update=changes), "w")


def test_settings_that_may(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("emp_from_file\n")
    in_file = {"worker_key": SecretStr(""), "worker_key_file": str(tmp_path / "key")}
    server = server_from(remote(settings, "http://127.0.0.1:3001/", "").model_copy(update=in_file), "w")
    assert (server.url, server.key) == ("http://127.0.0.1:3001", "emp_from_file")
    private = {"server_allow_http": True}
    assert server_from(remote(settings, "http://10.0.0.7", "emp_x", **private), "w").url == "http://10.0.0.7"
