"""Maintenance: who is paused claims nothing, finishes what it runs, and hears of it within seconds."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis
from tests.apps import api, client_of
from tests.engines import Engines
from tests.queue.helpers import ANYTHING, PREFIX, make_ticket
from tests.worker.rig import DONE, PATIENCE, ReportLog, Rig, nothing
from typer.testing import CliRunner, Result

from emprops.auth import store
from emprops.auth.caller import SERVICE
from emprops.auth.keys import make_key
from emprops.cli.main import app as commands
from emprops.connectors.base import Outcome, RunContext
from emprops.fleet.service import Maintenance
from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.orchestrator.repair.rescue import rebuild_redis
from emprops.orchestrator.tickets import Dispatcher
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import Counters, Fleet, FleetMember, WorkerInfo
from emprops.queue.keys import KEYS
from emprops.queue.messages import Ticket
from emprops.settings import Settings
from emprops.worker import heartbeat


@pytest.fixture
async def client(engines: Engines) -> AsyncIterator[Any]:
    client = connect(engines.redis_url)
    await client.set(PREFIX + KEYS.epoch, "1")
    yield client
    await client.aclose()


@pytest.fixture
def member(engines: Engines) -> Iterator[FleetMember]:
    with redis.Redis(unix_socket_path=engines.redis_socket) as blocking:
        yield FleetMember(blocking, PREFIX)


@pytest.fixture
def maintenance(database: Database, client: Any) -> Maintenance:
    return Maintenance(database, client, PREFIX)


def info(name: str = "w-1", machine: str = "m") -> WorkerInfo:
    return WorkerInfo(name, machine, "idle", ANYTHING, 1)


async def test_a_worker_hears_of_every_pause_that_concerns_it(maintenance: Maintenance, member: FleetMember) -> None:
    first, second, elsewhere = info("w-1"), info("w-2"), info("w-3", "n")

    def heard() -> list[bool | None]:
        return [member.announce(one) for one in (first, second, elsewhere)]

    assert heard() == [False, False, False]
    assert (await maintenance.pause("worker", "w-1", actor="cli:anna")).workers == ["w-1"]
    assert heard() == [True, False, False]
    assert (await maintenance.pause("machine", "m", actor="cli:anna")).workers == ["w-1", "w-2"]
    assert (await maintenance.pause("machine", "m", actor="cli:anna")).workers == ["w-1", "w-2"]
    assert heard() == [True, True, False]
    assert member.announce(info("started-later")) is True
    listed = {one.worker_id: paused_by for one, paused_by in await maintenance.workers()}
    assert listed == {"started-later": ["machine"], "w-1": ["machine", "worker"], "w-2": ["machine"], "w-3": []}
    await maintenance.pause("all", actor="cli:anna")
    assert heard() == [True, True, True]
    assert (await maintenance.resume("machine", "m", actor="cli:anna")).still_paused == ["started-later", "w-1", "w-2"]
    assert (await maintenance.resume("all", actor="cli:anna")).still_paused == []
    assert heard() == [False, False, False]


async def test_a_pause_outlives_the_memory_of_redis(
    maintenance: Maintenance, member: FleetMember, client: Any, database: Database, settings: Settings
) -> None:
    await maintenance.pause("machine", "m", actor="cli:anna")
    await client.flushall()
    assert member.announce(info()) is None  # Redis does not know: it stays as it is
    await rebuild_redis(Dispatcher(database, Queue(client), settings))
    assert member.announce(info()) is True


async def test_what_redis_missed_is_shown_later(
    maintenance: Maintenance, member: FleetMember, client: Any, engines: Engines
) -> None:
    member.announce(info())
    await maintenance.pause("machine", "m", actor="cli:anna")
    await client.delete(PREFIX + KEYS.paused)
    assert member.announce(info()) is False
    await maintenance.show()
    assert member.announce(info()) is True


async def test_pauses_of_workers_long_gone_are_dropped(
    maintenance: Maintenance, member: FleetMember, database: Database
) -> None:
    for name in ("gone", "live"):
        member.announce(info(name))
        await maintenance.pause("worker", name, actor="cli:anna")
    member.withdraw(info("gone"))
    await maintenance.pause("machine", "m", actor="cli:anna")
    assert await maintenance.forget() == 0
    async with database.transaction() as tx:
        await tx.execute("UPDATE worker_pause SET since = now() - interval '8 days'")
    assert await maintenance.forget() == 1
    assert [paused_by for _, paused_by in await maintenance.workers()] == [["machine", "worker"]]


async def test_a_paused_worker_finishes_what_it_runs_and_claims_nothing(
    maintenance: Maintenance, client: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "ANNOUNCE_INTERVAL", 0.02)
    gate, log, queue, fleet = asyncio.Event(), ReportLog(client), Queue(client), Fleet(client, PREFIX)

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await gate.wait()
        return DONE

    async def until(status: str) -> WorkerInfo:
        async with asyncio.timeout(PATIENCE):
            while not (found := [one for one in await fleet.workers() if one.status == status]):
                await client.ping()
        return found[0]

    rig = Rig(client, settings, tmp_path, body=work, concurrency=2)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(), rig.working():
        await rig.begun("s")
        await until("idle")
        await maintenance.pause("machine", "machine", actor="cli:anna")
        paused = await until("paused")
        assert paused.current == ("s",)
        await queue.enqueue([make_ticket("t", at=1)])
        assert (await fleet.place("t") or {})["blocked_by"] == ["no live worker that is not paused"]
        gate.set()
        await log.until("s", "completed")
        assert await queue.ticket_states(["t"]) == ["waiting"]
        await maintenance.resume("machine", "machine", actor="cli:anna")
        await log.until("t", "completed")


async def test_a_worker_that_starts_on_a_paused_machine_claims_nothing_first(
    maintenance: Maintenance, client: Any, settings: Settings, tmp_path: Path
) -> None:
    log, queue, fleet = ReportLog(client), Queue(client), Fleet(client, PREFIX)
    rig = Rig(client, settings, tmp_path, body=nothing)
    rig.loop.heard = False
    await maintenance.pause("machine", "machine", actor="cli:anna")
    await queue.enqueue([make_ticket("s")])
    async with rig.working():
        for _ in range(100):
            await client.ping()
        async with rig.beating(), asyncio.timeout(PATIENCE):
            while [one.status for one in await fleet.workers()] != ["paused"]:
                await client.ping()
            assert await log.kinds("s") == []


@pytest.fixture
async def http(
    settings: Settings, database: Database, client: Any, tmp_path: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    key = make_key()
    async with database.transaction() as tx:
        await store.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[SERVICE], owner=None, life=None
        )
    async with api(settings, database, client, tmp_path) as app, client_of(app) as http:
        http.headers["X-API-Key"] = key.text
        yield http


async def test_services_see_and_pause_workers(http: httpx2.AsyncClient, member: FleetMember) -> None:
    member.announce(info())
    counters = Counters(completed=3, retried=1, failed=1, bytes_stored=10, busy_seconds=1.5)
    member.announce(replace(info("w-2", "n"), slots={"noop": 1}, status="busy", current=("s",), counters=counters))
    first, second = (await http.get("/api/workers")).json()["data"]
    assert (first["worker_id"], first["paused_by"], first["job_types"]) == ("w-1", [], ["noop"])
    assert (second["counters"], second["slots"], second["current"]) == (asdict(counters), {"noop": 1}, ["s"])
    paused = (await http.post("/api/workers/w-1/pause")).json()["data"]
    assert paused == {"scope": "worker", "name": "w-1", "workers": ["w-1"], "still_paused": []}
    assert member.announce(info()) is True
    assert (await http.post("/api/workers/w-1/resume")).json()["data"]["workers"] == ["w-1"]
    assert member.announce(info()) is False
    unknown = await http.post("/api/workers/nobody/pause")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "There is no live worker nobody.")
    again = await http.post("/api/workers/w-1/resume")
    assert (again.status_code, again.json()["error"]) == (404, "The worker w-1 is not paused.")
    assert (await http.post("/api/workers/resume")).json()["data"]["still_paused"] == []
    assert (await http.post("/api/machines/m%00/pause")).status_code == 400


async def test_the_command_pauses_and_lists(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, member: FleetMember, maintenance: Maintenance
) -> None:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("REDIS_URL", engines.redis_url)

    async def workers(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, commands, ["workers", *arguments])

    member.announce(replace(info(), slots={"noop": 2}, counters=Counters(completed=7, failed=2, retried=1)))
    heading, row = (line.split("\t") for line in (await workers()).stdout.splitlines())
    shown = dict(zip(heading, row, strict=True))
    assert {"worker": "w-1", "machine": "m", "status": "idle", "serves": "noop ×2"}.items() <= shown.items()
    assert {"done": "7", "failed": "2", "retried": "1"}.items() <= shown.items()
    assert (await workers("pause", "w-1")).stdout == "w-1 will claim nothing within 5 seconds.\n"
    assert (await workers("pause", "--machine", "m")).exit_code == 0
    assert member.announce(info()) is True
    resumed = await workers("resume", "w-1")
    assert resumed.stdout == "w-1 is still held by another pause: see --machine and --all.\n"
    assert (await workers("resume", "--all")).stdout == "w-1 will claim again within 5 seconds.\n"
    assert member.announce(info()) is False
    assert (await workers("pause", "--machine", "off")).stdout == "No live worker is concerned now.\n"
    for wrong in ((), ("w-1", "--all")):
        refused = await workers("pause", *wrong)
        assert (refused.exit_code, refused.stderr[:13]) == (1, "Name a worker")
    assert (await workers("pause", "nobody")).stderr == "There is no live worker nobody.\n"
