"""The queue for workers that have a key and no Redis: every call is checked, then carried out in their name."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from emprops.errors import BadRequestError, ConflictError, UnavailableError
from emprops.gateway.conversions import finished_of, info_of, offers_of
from emprops.gateway.identity import is_own, public_id, token_of
from emprops.gateway.limits import KeyLimits
from emprops.gateway.schemas import AnnounceBody, BeatBody, BeatItem, ClaimBody, SettledBody, TurnBody
from emprops.kit.redis import connect
from emprops.queue.fleet import FleetMember
from emprops.queue.matching import class_of, lanes_of
from emprops.queue.messages import Claim, Finished, Preview, StoredFile, Ticket, WorkflowContext
from emprops.queue.remote_claims import RemoteClaims, Upload
from emprops.queue.transport import Beat, Settled, Turn, Wake
from emprops.queue.worker_link import RedisHeartbeat, WorkerLink
from emprops.settings import Settings

Result = TypeVar("Result")

PROTOCOL = 1
SLICE = 1.0
"""Seconds of a wait between looks whether anybody still waits for its end."""
PATIENCE = 5.0
THREADS = 4
OVERTIME = 120.0
"""Seconds beyond the longest run time for which a claim is renewed: a worker needs some to stop, and to store."""
_NOWHERE = WorkflowContext("", 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class RemoteWorker:
    """Who is calling."""

    key: str
    """The public part of its key."""
    id: str


class Gateway:
    """What one api process keeps for workers on other machines. Nothing is opened before the first of them calls."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.limits = KeyLimits(settings)
        self._waits: dict[str, object] = {}

    @cached_property
    def _waiting(self) -> Redis:
        # of its own: hundreds that wait must not take the connections of those that ask something
        limit = self.settings.gateway_waits
        return connect(self.settings.redis_url, socket_timeout=SLICE + PATIENCE, max_connections=limit)

    @cached_property
    def _blocking(self) -> SyncRedis:
        return SyncRedis.from_url(
            self.settings.redis_url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS, thread_name_prefix="gateway")

    async def close(self) -> None:
        """Close what was opened."""
        if "_threads" in self.__dict__:
            await asyncio.to_thread(self._threads.shutdown)
        if "_blocking" in self.__dict__:
            self._blocking.close()
        if "_waiting" in self.__dict__:
            await self._waiting.aclose()

    def admit(self, key: str, name: str) -> RemoteWorker:
        """Let a worker in, within the limits of its key. Raises ``TooManyRequestsError``."""
        worker = RemoteWorker(key, public_id(key, name))
        self.limits.call(key, worker.id)
        return worker

    def terms(self, worker: RemoteWorker, protocol: int) -> dict[str, Any]:
        """Say what holds for this worker. Raises :class:`ConflictError` for a version that is not spoken here."""
        if protocol != PROTOCOL:
            newer = "api" if protocol > PROTOCOL else "worker"
            raise ConflictError(
                f"The worker speaks version {protocol} of the worker protocol and this api version {PROTOCOL}:"
                f" update the {newer}."
            )
        return {
            "protocol": PROTOCOL,
            "worker_id": worker.id,
            "lease": self.settings.lease,
            "poll": self.settings.gateway_poll,
            "base_url": self.settings.base_url,
            "max_file_bytes": self.settings.gateway_file_bytes,
        }

    async def turn(self, redis: Redis, worker: RemoteWorker, body: TurnBody) -> Turn:
        """Settle and claim, as over Redis; the fence of what is claimed is bound to the worker."""
        offers = offers_of(body.offers)
        self.limits.offers(worker.key, class_of(offers))
        own = [item for item in body.finished if is_own(worker.id, item.token)]
        foreign = tuple(_claim(item) for item in body.finished if not is_own(worker.id, item.token))
        settled = await self._with_files(redis, own)
        token = token_of(worker.id, body.request)
        turn = await self._link(redis, worker).carry_out(token, settled, body.want, offers)
        if turn.claims:
            await self._claims(redis).begin(token, self.settings.max_run_time + OVERTIME)
        return replace(turn, late=turn.late + foreign)

    async def _with_files(self, redis: Redis, items: Sequence[SettledBody]) -> list[Settled]:
        """Read how attempts ended. A file counts if it came in under the claim that reports it."""
        keys = [file.key for item in items for file in item.finished.files]
        uploads = await self._claims(redis).recorded(keys)
        return [Settled(_claim(item), _finished(item, uploads)) for item in items]

    async def wait(self, worker: RemoteWorker, timeout: float, gone: Callable[[], Awaitable[bool]]) -> Wake | None:
        """Block until there is news for the worker. A later wait of the same worker ends this one.

        ``gone`` tells whether its client has hung up, or this process is about to; a wake-up that nobody would hear is
        put back.
        """
        if len(self._waits) >= self.settings.gateway_waits and worker.id not in self._waits:
            raise UnavailableError("Too many workers wait on this server. Try again.")
        mine = self._waits[worker.id] = object()
        link = self._link(self._waiting, worker)
        end = time.monotonic() + min(timeout, self.settings.gateway_poll)
        try:
            while (left := end - time.monotonic()) > 0:
                wake = await link.wait(min(SLICE, left))
                if self._waits.get(worker.id) is not mine or await gone():
                    if wake is not None:
                        await link.put_back(wake)
                    return None
                if wake is not None:
                    return wake
            return None
        finally:
            if self._waits.get(worker.id) is mine:
                del self._waits[worker.id]

    async def beat(self, redis: Redis, worker: RemoteWorker, body: BeatBody) -> list[str]:
        """Renew leases; returns the steps that are not this worker's, or had their time: nobody holds one for ever."""
        over = await self._claims(redis).over([item.token for item in body.beats])
        beats = [Beat(_claim(item), item.progress, item.message, _preview(item), item.remember) for item in body.beats]
        own = [beat for beat in beats if is_own(worker.id, beat.claim.token) and beat.claim.token not in over]
        lost = {beat.claim.ticket.id for beat in beats} - {beat.claim.ticket.id for beat in own}
        heartbeat = RedisHeartbeat(
            self._blocking,
            prefix=self.settings.queue_prefix,
            worker_id=worker.id,
            machine_id=public_id(worker.key, body.machine),
            lease=self.settings.lease,
            origin=worker.key,
        )
        return sorted(lost | await self._in_thread(lambda: heartbeat.beat(own)))

    async def release(self, redis: Redis, worker: RemoteWorker, claims: Sequence[ClaimBody]) -> int:
        """Take claims back."""
        return await self._link(redis, worker).release(
            [_claim(claim) for claim in claims if is_own(worker.id, claim.token)]
        )

    async def announce(self, worker: RemoteWorker, body: AnnounceBody) -> bool | None:
        """Keep the worker's entry in the fleet. Returns whether the worker should pause; None while unknown."""
        info = info_of(body, worker.id, public_id(worker.key, body.machine))
        for offers in lanes_of(info.offers, info.slots):
            self.limits.offers(worker.key, class_of(offers))
        member = FleetMember(self._blocking, self.settings.queue_prefix)
        paused = await self._in_thread(lambda: member.announce(info))
        uptime = body.uptime_ms
        if uptime is not None:
            await self._in_thread(lambda: member.announce_machine(info, uptime))
        return paused

    async def withdraw(self, worker: RemoteWorker, body: AnnounceBody) -> None:
        """Take the worker out of the fleet."""
        info = info_of(body, worker.id, public_id(worker.key, body.machine))
        member = FleetMember(self._blocking, self.settings.queue_prefix)
        await self._in_thread(lambda: member.withdraw(info))

    def _claims(self, redis: Redis) -> RemoteClaims:
        return RemoteClaims(redis, self.settings.queue_prefix)

    def _link(self, redis: Redis, worker: RemoteWorker) -> WorkerLink:
        settings = self.settings
        return WorkerLink(
            redis,
            prefix=settings.queue_prefix,
            worker_id=worker.id,
            lease=settings.lease,
            attestation_days=settings.attestation_days,
            origin=worker.key,
        )

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        # threads of its own: while Redis is away they are stuck for seconds, and others read files in the common ones
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _preview(item: BeatItem) -> Preview | None:
    shown = item.preview
    return None if shown is None else Preview(shown.content, shown.mime_type, shown.node)


def _claim(body: ClaimBody) -> Claim:
    """Name a claim: of its ticket only the id and the run matter to the queue."""
    run = body.run if isinstance(body, SettledBody) else 1
    return Claim(Ticket(id=body.step, job_type="", payload={}, workflow_context=_NOWHERE, run=run), body.token, 0)


def _finished(item: SettledBody, uploads: dict[str, Upload]) -> Finished:
    finished = finished_of(item.finished)
    if finished.failure is not None:
        return finished
    files = []
    for file in item.finished.files:
        upload = uploads.get(file.key)
        if upload is None or upload.token != item.token:
            raise BadRequestError(f"The file {file.key} of step {item.step} was not uploaded under this claim.")
        files.append(StoredFile(**file.model_dump(), size=upload.size, sha256=upload.sha256))
    return replace(finished, files=tuple(files))
