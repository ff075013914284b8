"""The worker's side of the queue: claim, report, renew, hand back. Needs Redis and nothing else."""

from collections import deque
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import orjson
import structlog
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from emprops.queue.extras import with_extras
from emprops.queue.keys import JOBS_CHANGED, KEYS
from emprops.queue.matching import WorkerOffers, class_of, missing
from emprops.queue.messages import MAX_PREVIEW_BYTES, Claim, Ticket
from emprops.queue.scripts import Argument, Scripts, SyncScripts
from emprops.queue.transport import Beat, Settled, Turn, Wake

log = structlog.get_logger(__name__)

MAX_STREAM = 100_000
"""Unread reports above which progress is no longer added."""


TRUSTED = ""
"""Where workers over Redis come from; those of the gateway come from their key."""

MAX_ROUNDS = 100
"""Rounds of judging (500 signatures each) in one turn, after which the next poll goes on."""

MAX_CLASSES = 32
"""Names of classes kept for the offers that were asked with last."""


class WorkerLink:
    """A worker's connection to the queue over Redis (:class:`~emprops.queue.transport.Transport`)."""

    poll = 2.0

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str,
        worker_id: str,
        lease: float = 60.0,
        attestation_days: int = 30,
        origin: str = TRUSTED,
    ) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix
        self.worker_id = worker_id
        self.origin = origin
        self.lease_ms = int(lease * 1000)
        self.keep = attestation_days * 86_400
        self.scripts = Scripts(redis, prefix)
        self._unanswered: str | None = None
        self._classes: deque[tuple[WorkerOffers, str]] = deque(maxlen=MAX_CLASSES)

    async def turn(self, finished: Sequence[Settled], want: int, offers: WorkerOffers) -> Turn:
        """Settle what ended and claim, under one request token until an answer comes."""
        request = self._unanswered = self._unanswered or uuid4().hex
        turn = await self.carry_out(request, finished, want, offers)
        self._unanswered = None
        return turn

    async def carry_out(self, request: str, finished: Sequence[Settled], want: int, offers: WorkerOffers) -> Turn:
        """The same for a caller that keeps the request token itself; it becomes the claims' fence."""
        worker_class = self._class_of(offers)
        late: list[Claim] = []
        for _ in range(MAX_ROUNDS):
            arguments = self._turn_arguments(worker_class, request, want, finished)
            answers, claims, unjudged, after, up_to, more, now = await self._call_twice("turn", arguments)
            late += [item.claim for item, answer in zip(finished, answers, strict=True) if answer != b"accepted"]
            finished = ()
            if not unjudged:
                break
            await self._judge(worker_class, offers, unjudged, (after, up_to))
        else:
            log.warning("signatures unjudged", worker_class=worker_class, hint="are scripts of another version in use?")
        at = int(now)
        parsed = [
            Claim(
                Ticket.from_bytes(body),
                request,
                int(attempt),
                (at - int(since)) / 1000,
                # asking a service for this work sends the asker's credentials: a stranger's is for its own workers
                orjson.loads(work) if work and by.decode() in (TRUSTED, self.origin) else None,
            )
            for body, attempt, since, work, by in claims
        ]
        parsed = await with_extras(self.redis, self.prefix, parsed)
        return Turn(tuple(parsed), tuple(late), more=bool(more))

    async def release(self, claims: Sequence[Claim]) -> int:
        """Hand claims back unharmed: same place in the order, not counted as failures. Returns how many were ours."""
        if not claims:
            return 0
        arguments: list[Argument] = [self.worker_id]
        for claim in claims:
            arguments += [claim.ticket.id, claim.token]
        return int(await self.scripts("release", *arguments))

    async def wait(self, timeout: float) -> Wake | None:
        """Block until there is news, at most ``timeout`` seconds; None then. Uses a connection of its own."""
        popped = await self.redis.blpop([f"{self.prefix}{KEYS.wake}{self.worker_id}"], timeout=timeout)
        if popped is None:
            return None
        return "cancel" if popped[1] == b"cancel" else "work"

    async def put_back(self, wake: Wake) -> None:
        """Pass a wake-up on to the next waiting worker, as the one that took it is gone."""
        name = f"{self.prefix}{KEYS.wake}{self.worker_id}"
        await self.redis.rpush(name, "cancel" if wake == "cancel" else "1")
        await self.redis.expire(name, 60)

    def _class_of(self, offers: WorkerOffers) -> str:
        for known, worker_class in self._classes:
            if known is offers:
                return worker_class
        self._classes.append((offers, class_of(offers)))
        return self._classes[-1][1]

    async def _judge(
        self, worker_class: str, offers: WorkerOffers, unjudged: Sequence[bytes], numbers: tuple[bytes, bytes]
    ) -> None:
        runnable = [
            unjudged[i].decode()
            for i in range(0, len(unjudged), 2)
            if unjudged[i + 1] is not None and not missing(orjson.loads(unjudged[i + 1]), offers)
        ]
        await self.scripts("judge", worker_class, *numbers, *runnable)

    async def _call_twice(self, name: str, arguments: list[Argument]) -> Any:
        # A cut connection leaves open whether the script ran. The request token makes the second call give the
        # first one's answer, so asking again is safe exactly here.
        try:
            answer = await self.scripts(name, *arguments)
        except (RedisConnectionError, RedisTimeoutError):
            answer = await self.scripts(name, *arguments)
        return answer

    def _turn_arguments(
        self, worker_class: str, request: str, want: int, finished: Sequence[Settled]
    ) -> list[Argument]:
        arguments: list[Argument] = [worker_class, self.worker_id, request, want, self.lease_ms, self.keep]
        for item in finished:
            failure = item.finished.failure
            how = "completed" if failure is None else "retryable" if failure == "retryable" else "failed"
            retry_after = int((item.finished.retry_after or 0) * 1000)
            claim = item.claim
            arguments += [
                claim.ticket.id,
                claim.ticket.run,
                claim.token,
                how,
                item.finished.to_bytes(),
                min(retry_after, 900_000),
            ]
        return arguments


class RedisHeartbeat:
    """Lease renewal over a blocking client, so that a thread can do it whatever the event loop is busy with."""

    def __init__(
        self,
        redis: SyncRedis,
        *,
        prefix: str,
        worker_id: str,
        machine_id: str,
        lease: float,
        origin: str = TRUSTED,
    ) -> None:
        self.scripts = SyncScripts(redis, prefix)
        self.channel = prefix + JOBS_CHANGED
        self.worker_id = worker_id
        self.machine_id = machine_id
        self.origin = origin
        self.lease_ms = int(lease * 1000)

    def beat(self, beats: Sequence[Beat]) -> set[str]:
        """Renew leases and pass progress on. Returns the step ids that are not ours any more: stop their work."""
        limits: list[Argument] = [self.lease_ms, MAX_STREAM, MAX_PREVIEW_BYTES]
        arguments: list[Argument] = [self.worker_id, self.machine_id, self.channel, self.origin, *limits]
        for item in beats:
            progress = "" if item.progress is None else f"{item.progress:.2f}"
            arguments += [item.claim.ticket.id, item.claim.token, progress, orjson.dumps(item.message)]
            shown = item.preview
            arguments += ["", "", b""] if shown is None else [shown.mime_type, shown.node, shown.content]
            arguments.append(b"" if item.remember is None else orjson.dumps(dict(item.remember)))
        return {step.decode() for step in self.scripts("beat", *arguments)}
