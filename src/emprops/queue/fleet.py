"""The fleet: which workers live, what they offer, what they are doing. Entries expire after 120 s of silence."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from emprops.queue.keys import KEYS, machine_channel, worker_channel
from emprops.queue.matching import Offer, WorkerOffers, class_of, lanes_of, missing
from emprops.queue.scripts import Scripts
from emprops.queue.type_limits import what_is_full

TTL = 120
"""Seconds without a heartbeat after which a worker is no longer part of the fleet."""

MOST_SIGNATURES = 1_000
"""Signatures counted for a step's place."""

WorkerStatus = Literal["idle", "busy", "paused", "draining", "offline"]


@dataclass(slots=True)
class Counters:
    """What a worker has done since it started."""

    completed: int = 0
    """Attempts that ended well."""
    failed: int = 0
    """Attempts that failed, whatever became of the step."""
    retried: int = 0
    """Of these, the ones that may be tried again."""
    abandoned: int = 0
    """Attempts that were stopped before their end."""
    lost_leases: int = 0
    """Claims that ended under it: cancelled, lapsed, or not renewed in time."""
    late: int = 0
    """Reports refused because the claim had ended."""
    bytes_stored: int = 0
    """Size of all results."""
    busy_seconds: float = 0.0
    """Time that steps have run, those running now included; each slot counts for itself."""

    def note(self, failure: str | None, stored: int) -> None:
        """Count an attempt that ended with this kind of failure, or well with so many bytes stored."""
        if failure is None:
            self.completed += 1
            self.bytes_stored += stored
        else:
            self.failed += 1
            self.retried += failure == "retryable"


COUNTED = tuple(field.name for field in fields(Counters))


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """One worker as it last described itself."""

    worker_id: str
    """Unique per process start: the machine's name, the process's, and an incarnation."""
    machine_id: str
    status: WorkerStatus
    offers: WorkerOffers
    concurrency: int
    """Steps it runs at once, at most."""
    current: tuple[str, ...] = ()
    """Step ids it holds."""
    started_at: int = 0
    """Unix milliseconds."""
    last_seen: int = 0
    """Unix milliseconds, Redis' clock."""
    slots: dict[str, int] = field(default_factory=dict)
    """Job type -> how many of ``concurrency`` are its own; the other job types share what is left."""
    counters: Counters = field(default_factory=Counters)
    connectors: dict[str, str] = field(default_factory=dict)
    """Connector name -> ``ok`` or what is wrong with it."""
    version: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON form, as stored."""
        return {
            "worker_id": self.worker_id,
            "machine_id": self.machine_id,
            "status": self.status,
            "offers": {job_type: offer.to_json() for job_type, offer in self.offers.items()},
            "concurrency": self.concurrency,
            "slots": self.slots,
            "current": list(self.current),
            "started_at": self.started_at,
            "last_seen": self.last_seen,
            "counters": asdict(self.counters),
            "connectors": self.connectors,
            "version": self.version,
        }

    def shown(self) -> dict[str, Any]:
        """Return the entry as lists of workers show it: with its job types, and with times in place of milliseconds."""
        return self.to_json() | {
            "job_types": sorted(self.offers),
            "started_at": datetime.fromtimestamp(self.started_at / 1000, UTC),
            "last_seen": datetime.fromtimestamp(self.last_seen / 1000, UTC),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "WorkerInfo":
        """Read the JSON form; unknown fields are ignored."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["offers"] = {job_type: Offer.from_json(offer) for job_type, offer in data.get("offers", {}).items()}
        known["current"] = tuple(data.get("current", ()))
        counted = data.get("counters", {})
        known["counters"] = Counters(**{name: counted[name] for name in COUNTED if name in counted})
        return cls(**known)


class FleetMember:
    """A worker's own entry, written from its heartbeat thread."""

    def __init__(self, redis: SyncRedis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    def announce(self, info: WorkerInfo) -> bool | None:
        """Write the entry, keep its classes known, publish on ``worker:status:{id}``. Returns whether the worker should
        pause; None while Redis, having lost its data, does not know."""
        now = self._now()
        body = orjson.dumps({**info.to_json(), "last_seen": now})
        pipe = self.redis.pipeline(transaction=False)
        pipe.set(f"{self.prefix}{KEYS.worker}{info.worker_id}", body, ex=TTL)
        pipe.zadd(self.prefix + KEYS.workers, {info.worker_id: now})
        pipe.zremrangebyscore(self.prefix + KEYS.workers, "-inf", now - TTL * 1000)
        for worker_class in _classes(info):
            members = f"{self.prefix}{KEYS.members}{worker_class}"
            pipe.zadd(self.prefix + KEYS.classes, {worker_class: now})
            pipe.zadd(members, {info.worker_id: now})
            pipe.zremrangebyscore(members, "-inf", now - TTL * 1000)
            pipe.expire(members, TTL)
        pipe.publish(worker_channel(info.worker_id), orjson.dumps(_status_message(info, now)))
        pipe.exists(self.prefix + KEYS.epoch)
        pipe.hmget(self.prefix + KEYS.paused, pauses_of(info))
        *_, complete, pauses = pipe.execute()
        return any(pause is not None for pause in pauses) if complete else None

    def announce_machine(self, info: WorkerInfo, uptime_ms: int) -> None:
        """Publish ``machine:{id}:status`` (contract's internal channels; every 15 s)."""
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
                    "counters": asdict(info.counters),
                }
            ],
            "services": [
                {"service_id": name, "service_type": name, "status": "online" if state == "ok" else "offline"}
                for name, state in sorted(info.connectors.items())
            ],
            "cumulative_stats": {
                "total_jobs_completed": info.counters.completed,
                "total_jobs_failed": info.counters.failed,
                "uptime_ms": uptime_ms,
            },
        }
        self.redis.publish(machine_channel(info.machine_id), orjson.dumps(message))

    def withdraw(self, info: WorkerInfo) -> None:
        """Leave the fleet at once."""
        warm_by = f"{self.prefix}{KEYS.warm_by}{info.worker_id}"
        loaded = [models.decode() for models in self.redis.hkeys(warm_by)]
        pipe = self.redis.pipeline(transaction=False)
        pipe.delete(f"{self.prefix}{KEYS.worker}{info.worker_id}", f"{self.prefix}{KEYS.wake}{info.worker_id}")
        pipe.zrem(self.prefix + KEYS.workers, info.worker_id)
        for worker_class in _classes(info):
            pipe.zrem(f"{self.prefix}{KEYS.idle}{worker_class}", info.worker_id)
            pipe.zrem(f"{self.prefix}{KEYS.members}{worker_class}", info.worker_id)
        for models in loaded:
            pipe.hdel(f"{self.prefix}{KEYS.warm}{models}", info.worker_id)
        pipe.delete(warm_by)
        pipe.zrem(self.prefix + KEYS.warm_at, info.worker_id)
        message = _status_message(replace(info, status="offline", current=()), self._now())
        pipe.publish(worker_channel(info.worker_id), orjson.dumps(message))
        pipe.execute()

    def _now(self) -> int:
        seconds, micros = self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000


def _classes(info: WorkerInfo) -> list[str]:
    return [class_of(offers) for offers in lanes_of(info.offers, info.slots)]


def pauses_of(info: WorkerInfo) -> list[str]:
    """Name the entries of ``paused`` that concern a worker."""
    return ["all", f"machine:{info.machine_id}", f"worker:{info.worker_id}"]


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
        self.scripts = Scripts(redis, prefix)

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
        """Return where a waiting step stands; None when it does not wait in Redis.

        ``position`` counts what comes before it over all signatures, as far as that can be told: turns change with what
        comes in. ``turns`` of other users come before its user's next one, and ``own_before`` of its user's own tickets
        before it. ``blocked_by`` lists what the nearest live worker lacks to run it and is empty when some worker can.
        ``retry_at`` is when a step that failed may be tried again; it takes its place then.
        """
        found = await self.scripts("place", step_id, MOST_SIGNATURES)
        if not found:
            return None
        requirement, due, position, turns, own = found
        needs = orjson.loads(requirement) if requirement else None
        blocked = [] if needs is None else await self._blocked(needs)
        return {
            "position": position,
            "turns": turns,
            "own_before": own,
            "blocked_by": blocked,
            "retry_at": datetime.fromtimestamp(float(due) / 1000, UTC) if due else None,
        }

    async def _blocked(self, requirement: dict[str, Any]) -> list[str]:
        full = await what_is_full(self.redis, self.prefix, requirement["job_type"])
        return lacking(requirement, await self.workers()) + full


def lacking(requirement: dict[str, Any], workers: Sequence[WorkerInfo]) -> list[str]:
    """What stands between a requirement and the live worker that comes nearest; empty when one can run it."""
    if not workers:
        return ["no live worker"]
    job_type = requirement["job_type"]
    able = [worker for worker in workers if job_type in worker.offers]  # the others lack everything behind it, too
    found = min((missing(requirement, worker.offers) for worker in able or workers), key=len)
    if found:
        return found
    awake = any(worker.status != "paused" and not missing(requirement, worker.offers) for worker in able)
    return [] if awake else ["no live worker that is not paused"]
