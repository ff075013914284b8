"""The fleet: which workers live, what they offer, what they are doing. Entries expire after 120 s of silence."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from emprops.queue.keys import KEYS, machine_channel, worker_channel
from emprops.queue.matching import Offer, WorkerOffers, class_of, missing

TTL = 120
"""Seconds without a heartbeat after which a worker is no longer part of the fleet."""

WorkerStatus = Literal["idle", "busy", "draining", "offline"]


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """One worker as it last described itself."""

    worker_id: str
    """Unique per process start: the machine's name, the process's, and an incarnation."""
    machine_id: str
    status: WorkerStatus
    offers: WorkerOffers
    concurrency: int
    current: tuple[str, ...] = ()
    """Step ids it holds."""
    started_at: int = 0
    """Unix milliseconds."""
    last_seen: int = 0
    """Unix milliseconds, Redis' clock."""
    completed: int = 0
    failed: int = 0
    connectors: dict[str, str] = field(default_factory=dict)
    """Connector name -> ``ok`` or what is wrong with it."""
    version: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON form, as stored and shown."""
        return {
            "worker_id": self.worker_id,
            "machine_id": self.machine_id,
            "status": self.status,
            "offers": {job_type: offer.to_json() for job_type, offer in self.offers.items()},
            "concurrency": self.concurrency,
            "current": list(self.current),
            "started_at": self.started_at,
            "last_seen": self.last_seen,
            "completed": self.completed,
            "failed": self.failed,
            "connectors": self.connectors,
            "version": self.version,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "WorkerInfo":
        """Read the JSON form; unknown fields are ignored."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["offers"] = {job_type: Offer.from_json(offer) for job_type, offer in data.get("offers", {}).items()}
        known["current"] = tuple(data.get("current", ()))
        return cls(**known)


class FleetMember:
    """A worker's own entry, written from its heartbeat thread."""

    def __init__(self, redis: SyncRedis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    def announce(self, info: WorkerInfo) -> None:
        """Write the entry, keep its class known, tell ``worker:status:{id}``."""
        now, worker_class = self._now(), class_of(info.offers)
        members = f"{self.prefix}{KEYS.members}{worker_class}"
        body = orjson.dumps({**info.to_json(), "last_seen": now})
        pipe = self.redis.pipeline(transaction=False)
        pipe.set(f"{self.prefix}{KEYS.worker}{info.worker_id}", body, ex=TTL)
        pipe.zadd(self.prefix + KEYS.workers, {info.worker_id: now})
        pipe.zremrangebyscore(self.prefix + KEYS.workers, "-inf", now - TTL * 1000)
        pipe.zadd(self.prefix + KEYS.classes, {worker_class: now})
        pipe.zadd(members, {info.worker_id: now})
        pipe.zremrangebyscore(members, "-inf", now - TTL * 1000)
        pipe.expire(members, TTL)
        pipe.publish(worker_channel(info.worker_id), orjson.dumps(_status_message(info, now)))
        pipe.execute()

    def announce_machine(self, info: WorkerInfo, uptime_ms: int) -> None:
        """Tell ``machine:{id}:status`` (spec's internal API; every 15 s)."""
        now = self._now()
        job_types = sorted(info.offers)
        message = {
            "machine_id": info.machine_id,
            "timestamp": now,
            "workers": [
                {
                    "worker_id": info.worker_id,
                    "connector": ",".join(sorted(info.connectors)),
                    "connector_capabilities": job_types,
                    "status": info.status,
                    "current_job_id": info.current[0] if info.current else None,
                    "last_seen": now,
                }
            ],
            "services": [
                {"service_id": name, "service_type": name, "status": "online" if state == "ok" else "offline"}
                for name, state in sorted(info.connectors.items())
            ],
            "cumulative_stats": {
                "total_jobs_completed": info.completed,
                "total_jobs_failed": info.failed,
                "uptime_ms": uptime_ms,
            },
        }
        self.redis.publish(machine_channel(info.machine_id), orjson.dumps(message))

    def withdraw(self, info: WorkerInfo) -> None:
        """Leave the fleet at once."""
        worker_class = class_of(info.offers)
        pipe = self.redis.pipeline(transaction=False)
        pipe.delete(f"{self.prefix}{KEYS.worker}{info.worker_id}", f"{self.prefix}{KEYS.wake}{info.worker_id}")
        pipe.zrem(self.prefix + KEYS.workers, info.worker_id)
        pipe.zrem(f"{self.prefix}{KEYS.idle}{worker_class}", info.worker_id)
        pipe.zrem(f"{self.prefix}{KEYS.members}{worker_class}", info.worker_id)
        message = _status_message(replace(info, status="offline", current=()), self._now())
        pipe.publish(worker_channel(info.worker_id), orjson.dumps(message))
        pipe.execute()

    def _now(self) -> int:
        seconds, micros = self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000


def _status_message(info: WorkerInfo, now: int) -> dict[str, Any]:
    return {
        "worker_id": info.worker_id,
        "machine_id": info.machine_id,
        "status": info.status,
        "current_job_id": info.current[0] if info.current else None,
        "timestamp": now,
    }


class Fleet:
    """Reads the fleet and the queue's depth, for people and for ``GET /api/jobs/{id}``."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    async def workers(self) -> list[WorkerInfo]:
        """All workers heard of within the last 120 s, by id."""
        return await self.workers_of(
            [raw.decode() for raw in await self.redis.zrange(self.prefix + KEYS.workers, 0, -1)]
        )

    async def workers_of(self, ids: Sequence[str]) -> list[WorkerInfo]:
        """Those of these workers that were heard of within the last 120 s, by id."""
        if not ids:
            return []
        bodies = await self.redis.mget([f"{self.prefix}{KEYS.worker}{worker_id}" for worker_id in ids])
        found = [WorkerInfo.from_json(orjson.loads(body)) for body in bodies if body is not None]
        return sorted(found, key=lambda info: info.worker_id)

    async def place(self, step_id: str) -> dict[str, Any] | None:
        """Where a waiting step stands: ``{"position": 1…, "blocked_by": [...]}``.

        ``position`` counts the waiting tickets before it, over all signatures; ``blocked_by`` lists what the nearest
        live worker lacks to run it and is empty when some worker can. None when the step does not wait in Redis.
        """
        ticket = await self.redis.hmget(f"{self.prefix}{KEYS.ticket}{step_id}", ["sig", "score", "state"])
        signature, score, state = ticket
        if signature is None or score is None or state not in {b"waiting", b"delayed"}:
            return None
        requirement = await self.redis.hget(self.prefix + KEYS.requirements, signature.decode())
        blocked = [] if requirement is None else lacking(orjson.loads(requirement), await self.workers())
        return {"position": await self._position(signature, score.decode(), step_id), "blocked_by": blocked}

    async def _position(self, signature: bytes, score: str, step_id: str) -> int:
        signatures = [raw.decode() for raw in await self.redis.zrange(self.prefix + KEYS.sigs, 0, 999)]
        own = signature.decode()
        pipe = self.redis.pipeline(transaction=False)
        pipe.zrank(f"{self.prefix}{KEYS.wait}{own}", step_id)
        for other in signatures:
            if other != own:
                pipe.zcount(f"{self.prefix}{KEYS.wait}{other}", "-inf", f"({score}")
        rank, *before = await pipe.execute()
        return 1 + int(rank or 0) + int(sum(before))


def lacking(requirement: dict[str, Any], workers: Sequence[WorkerInfo]) -> list[str]:
    """What stands between a requirement and the live worker that comes nearest; empty when one can run it."""
    if not workers:
        return ["no live worker"]
    job_type = requirement["job_type"]
    able = [worker for worker in workers if job_type in worker.offers]  # the others lack everything behind it, too
    return min((missing(requirement, worker.offers) for worker in able or workers), key=len)
