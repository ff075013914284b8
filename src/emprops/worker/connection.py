"""How this worker reaches queue and storage: over Redis, or over HTTP when it belongs to a server."""

import asyncio
import hashlib
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import structlog
from redis import Redis as SyncRedis
from redis.backoff import NoBackoff
from redis.retry import Retry

from emprops.kit.redis import connect, warn_of_eviction
from emprops.kit.storage import Storage
from emprops.media.storage import storage_from
from emprops.queue.catalogues import Catalogues
from emprops.queue.fleet import FleetMember
from emprops.queue.transport import Heartbeat, Membership, Transport
from emprops.queue.worker_link import RedisHeartbeat, WorkerLink
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.remote.heartbeat import RemoteHeartbeat
from emprops.worker.remote.link import RemoteLink
from emprops.worker.remote.server import Server, ServerAwayError, Terms, server_from
from emprops.worker.remote.storage import RemoteStorage

log = structlog.get_logger(__name__)

LONGEST_NAME = 63
RETRY = 2.0
"""Seconds between tries to reach a server for the first time."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What is open."""

    worker_id: str
    """What the worker is called in the fleet."""
    machine_id: str
    link: Transport
    heartbeat: Heartbeat
    member: Membership
    storage: Storage
    settings: Settings
    """This worker's, with what the server lays down in their place."""
    show: Callable[[bytes], Awaitable[None]] | None = None
    """Shows which node classes the machine has; None where that is unknown."""


@asynccontextmanager
async def open_connection(settings: Settings, board: Board) -> AsyncIterator[Connection]:
    """Open the way that the settings name. Raises ``SettingsError`` or ``WorkerRefusedError`` if there is none."""
    machine_id = machine_name(socket.gethostname())
    worker_id = f"{machine_id}-{os.getpid()}-{uuid4().hex[:6]}"
    way = _over_http if settings.server else _over_redis
    async with way(settings, board, worker_id, machine_id) as connection:
        yield connection


def _patience(lease: float) -> float:
    return min(5.0, lease / 4)  # a heartbeat must notice an outage well before its leases end


@asynccontextmanager
async def _over_redis(settings: Settings, _board: Board, worker_id: str, machine_id: str) -> AsyncIterator[Connection]:
    redis = connect(settings.redis_url)
    await warn_of_eviction(redis)
    patience = _patience(settings.lease)
    blocking = SyncRedis.from_url(
        settings.redis_url, socket_timeout=patience, socket_connect_timeout=patience, retry=Retry(NoBackoff(), 0)
    )
    prefix, lease = settings.queue_prefix, settings.lease
    days = settings.attestation_days
    try:
        yield Connection(
            worker_id=worker_id,
            machine_id=machine_id,
            link=WorkerLink(redis, prefix=prefix, worker_id=worker_id, lease=lease, attestation_days=days),
            heartbeat=RedisHeartbeat(blocking, prefix=prefix, worker_id=worker_id, machine_id=machine_id, lease=lease),
            member=FleetMember(blocking, prefix),
            storage=storage_from(settings),
            settings=settings,
            show=Catalogues(redis, prefix).show,
        )
    finally:
        await redis.aclose()
        blocking.close()


@asynccontextmanager
async def _over_http(settings: Settings, board: Board, worker_id: str, machine_id: str) -> AsyncIterator[Connection]:
    server = server_from(settings, worker_id)
    link, storage = RemoteLink(server), RemoteStorage(server, board.claims)
    try:
        terms = await _introduce(link, server)
        heartbeat = RemoteHeartbeat(server, machine=machine_id, patience=_patience(terms.lease))
        try:
            yield Connection(
                worker_id=terms.worker_id,
                machine_id=machine_id,
                link=link,
                heartbeat=heartbeat,
                member=heartbeat,
                storage=storage,
                settings=settings.model_copy(update={"lease": terms.lease, "public_url": terms.base_url}),
            )
        finally:
            heartbeat.close()
    finally:
        await link.close()
        await storage.close()


async def _introduce(link: RemoteLink, server: Server) -> Terms:
    """Say hello, until the server is there to hear it."""
    while True:
        try:
            return await link.hello()
        except ServerAwayError as error:
            log.warning("server unreachable", server=server.url, error=str(error))
            await asyncio.sleep(RETRY)


def machine_name(host: str) -> str:
    """Return what a machine is called in the fleet: its host's name, with letters, digits, dots, dashes and underscores
    only, and with something to tell it from others where that changes it. At most 63 characters, as hosts have."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", host).lstrip("._-")
    if plain and plain == host and len(plain) <= LONGEST_NAME:
        return plain
    digest = hashlib.sha256(host.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{plain[: LONGEST_NAME - 9] or 'machine'}-{digest}" if host else "machine"
