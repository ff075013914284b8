"""The api in a test: in this process, or served on loopback to clients that need a real connection."""

import contextlib
import socket
from asyncio import Event, create_task
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx2
import redis.asyncio
import uvicorn
from fastapi import APIRouter, FastAPI
from tests import conformance

from emprops.auth import store as auth
from emprops.auth.caller import SERVICE
from emprops.auth.keys import make_key
from emprops.credits.service import terms_from
from emprops.jobs.ends import ends_from
from emprops.jobs.lookout import lookout_from
from emprops.jobs.mine.follow import my_jobs_from
from emprops.kit.database import Database
from emprops.kit.pubsub import Pokes
from emprops.kit.web.endpoint import Resources
from emprops.kit.web.server import SERVER_OPTIONS
from emprops.kit.web.streams import streams_from
from emprops.live.hub import Live
from emprops.main import create_app, equip
from emprops.media.storage import FolderStorage
from emprops.orchestrator.start.together import Starts
from emprops.orchestrator.tickets import Dispatcher
from emprops.queue.dispatch import Queue
from emprops.queue.keys import JOBS_CHANGED
from emprops.settings import Settings


def send_by(app: FastAPI, dispatcher: Dispatcher) -> None:
    """Have what starts in this app sent by this dispatcher."""
    app.state.dispatcher = dispatcher
    app.state.starts = Starts(dispatcher.database, dispatcher, terms_from(dispatcher.settings))


@asynccontextmanager
async def api(
    settings: Settings,
    database: Database,
    client: redis.asyncio.Redis,
    folder: Path,
    *,
    extra: APIRouter | None = None,
) -> AsyncIterator[FastAPI]:
    """The api with its routes and resources, pokes included; without what runs beside the requests.

    ``extra`` are routes of the test's own.
    """
    app = built(settings, extra)
    send_by(app, Dispatcher(database, Queue(client, prefix=settings.queue_prefix), settings))
    async with Pokes(settings.redis_url, settings.queue_prefix + JOBS_CHANGED) as pokes:
        app.state.resources = Resources(
            settings=settings,
            database=database,
            redis=client,
            pokes=pokes,
            storage=FolderStorage(folder),
            streams=streams_from(settings),
        )
        async with (
            my_jobs_from(app.state.resources) as app.state.my_jobs,
            lookout_from(app.state.resources) as app.state.lookout,
            ends_from(app.state.resources) as app.state.ends,
        ):
            app.state.live = Live(app.state.resources, app.state.my_jobs)
            yield app


_apps: list[tuple[Settings, APIRouter | None, FastAPI]] = []
MAX_APPS = 8


def built(settings: Settings, extra: APIRouter | None = None) -> FastAPI:
    """The api with its routes, and nothing open. Built once per settings and extra routes, because that costs more than
    most tests take; its state is new each time."""
    for known, its_extra, app in _apps:
        if known == settings and its_extra is extra:
            equip(app, settings)
            return app
    app = create_app(settings)
    if extra is not None:
        app.include_router(extra)
    _apps.insert(0, (settings, extra, app))
    del _apps[MAX_APPS:]
    return app


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    """A client that calls the api in this process; each request says who calls, see :func:`as_user`."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://testserver",
        event_hooks={"response": [conformance.check]},
    )


def free_port() -> int:
    """A port of loopback that nobody has, for a process that is told its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def as_user(user_id: UUID) -> dict[str, str]:
    """Headers of a caller."""
    return {"user_id": str(user_id)}


async def key_with(scope: str, database: Database) -> dict[str, str]:
    """Store a key with a scope and without an owner; gives the headers of who has it."""
    key = make_key()
    async with database.transaction() as tx:
        await auth.add_key(tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[scope], owner=None, life=None)
    return {"X-API-Key": key.text}


async def service_key(database: Database) -> dict[str, str]:
    """Headers of a service that speaks for nobody."""
    return await key_with(SERVICE, database)


class _Server(uvicorn.Server):
    """A server that leaves the test process's signals alone and says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


@asynccontextmanager
async def served(app: FastAPI, port: int = 0) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the api on a loopback port, by default a free one; gives a client for it."""
    conformance.document()  # takes seconds to build: not while requests are under way
    # asyncio sends small writes at once only on sockets that say they are TCP; else each answer waits 40 ms for an ACK
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = _Server(
        uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=5, **SERVER_OPTIONS)
    )
    task = create_task(server.serve(sockets=[listener]))
    try:
        await server.ready.wait()
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            timeout=10,
            trust_env=False,
            event_hooks={"response": [conformance.check]},
        ) as client:
            yield client
    finally:
        server.should_exit = True
        await task
