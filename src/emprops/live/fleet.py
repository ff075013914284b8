"""What happens to workers and machines, for all monitors of this process.

The channels of the fleet carry no installation's prefix, and Redis may lose what is published there, so a message only
says where to look: what is told is the difference between two looks at the registry. The whole registry is looked at
from time to time, because a worker that dies says nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from emprops.kit.looking import AFTER_FAILURE, news_or_time
from emprops.live.audience import Audience
from emprops.live.messages import Message, message
from emprops.queue.fleet import Fleet, WorkerInfo
from emprops.queue.keys import MACHINE_CHANNELS, WORKER_CHANNELS, name_in

log = structlog.get_logger(__name__)

FULL_LOOK: Final = 15.0
"""Seconds between two looks at the whole registry."""
PAUSE: Final = 0.2
"""Seconds between two looks; what is heard meanwhile is looked at together."""


class FleetNews:
    """The task's state: the fleet as it was last told."""

    def __init__(self, fleet: Fleet, audience: Audience) -> None:
        self._fleet = fleet
        self._audience = audience
        self._workers: dict[str, WorkerInfo] = {}
        self._heard: set[str] = set()
        self._machines: set[str] = set()
        self._full_at = 0.0
        self._news = asyncio.Event()
        self._loaded = asyncio.Event()

    def hear(self, channel: str) -> None:
        """Look soon at the worker or the machine that this channel is about."""
        worker_id, machine_id = name_in(channel, WORKER_CHANNELS), name_in(channel, MACHINE_CHANNELS)
        if worker_id is not None:
            self._heard.add(worker_id)
        elif machine_id is not None:
            self._machines.add(machine_id)
        self._news.set()

    def look_at_everything(self) -> None:
        """Look soon at the whole registry."""
        self._full_at = 0.0
        self._news.set()

    async def loaded(self, patience: float) -> None:
        """Wait up to ``patience`` seconds for the first look."""
        try:
            async with asyncio.timeout(patience):
                await self._loaded.wait()
        except TimeoutError:
            log.warning("snapshot sent without the fleet", waited=patience)

    def view(self) -> tuple[list[dict[str, Any]] | None, list[dict[str, Any]] | None]:
        """Return workers and machines as they were last told; None before the first look."""
        if not self._loaded.is_set():
            return None, None
        workers = [info.to_json() for info in self._workers.values()]
        return workers, [machine_of(name, group) for name, group in self._by_machine().items()]

    async def run(self) -> None:
        """Look and tell until cancelled."""
        self._loaded.clear()
        self._workers = {}
        self.look_at_everything()
        while True:
            await news_or_time(self._news, self._full_at)
            self._news.clear()
            try:
                await self._look()
            except (RedisError, OSError) as error:
                log.warning("monitors waiting", error=str(error))
                self._full_at = 0.0
                await asyncio.sleep(AFTER_FAILURE)
            except Exception:
                log.exception("fleet unreadable")
                await asyncio.sleep(AFTER_FAILURE)
            else:
                await asyncio.sleep(PAUSE)

    async def _look(self) -> None:
        machines, self._machines = self._machines, set()
        heard, self._heard = self._heard, set()
        now = asyncio.get_running_loop().time()
        before = self._workers
        if now >= self._full_at:
            after = {info.worker_id: info for info in await self._fleet.workers()}
            self._full_at = now + FULL_LOOK
        else:
            heard |= {name for name, info in before.items() if info.machine_id in machines}
            seen = {info.worker_id: info for info in await self._fleet.workers_of(sorted(heard))}
            after = {name: info for name, info in before.items() if name not in heard} | seen
        self._workers = after
        self._tell(before, machines)
        self._loaded.set()

    def _tell(self, before: dict[str, WorkerInfo], machines: set[str]) -> None:
        changed = set(machines)
        for name in sorted(before.keys() | self._workers.keys()):
            told = difference(before.get(name), self._workers.get(name))
            if told is not None:
                self._audience.tell_monitors(told)
                changed |= {info.machine_id for info in (before.get(name), self._workers.get(name)) if info is not None}
        groups = self._by_machine()
        known = groups.keys() | {info.machine_id for info in before.values()}
        for name in sorted(changed & known):
            status = machine_of(name, groups.get(name, []))
            self._audience.tell_monitors(message("machine_status_updated", status, ("machine", name)))

    def _by_machine(self) -> dict[str, list[WorkerInfo]]:
        groups: dict[str, list[WorkerInfo]] = defaultdict(list)
        for info in self._workers.values():
            groups[info.machine_id].append(info)
        return groups


def difference(before: WorkerInfo | None, after: WorkerInfo | None) -> Message | None:
    """Return what became of a worker, None if nothing that monitors are told of."""
    if after is None:
        if before is None:
            return None
        gone = {"worker_id": before.worker_id, "machine_id": before.machine_id, "status": "offline"}
        return message("worker_disconnected", gone)
    now = {
        "worker_id": after.worker_id,
        "machine_id": after.machine_id,
        "status": after.status,
        "current_job_id": after.current[0] if after.current else None,
    }
    if before is None:
        return message("worker_connected", {**now, "worker": after.to_json()})
    if (before.status, before.current) == (after.status, after.current):
        return None
    changed = {**now, "previous_status": before.status, "current_jobs": list(after.current)}
    return message("worker_status_changed", changed, ("worker", after.worker_id))


def machine_of(machine_id: str, workers: Iterable[WorkerInfo]) -> dict[str, Any]:
    """Return a machine in the shape of ``machine:{id}:status`` (contract's internal channels), with all its workers."""
    workers = sorted(workers, key=lambda info: info.worker_id)
    services: dict[str, str] = {}
    for info in workers:
        for name, state in info.connectors.items():
            services[name] = "online" if state == "ok" or services.get(name) == "online" else "offline"
    return {
        "machine_id": machine_id,
        "workers": [
            {
                "worker_id": info.worker_id,
                "connector": ",".join(sorted(info.connectors)),
                "connector_capabilities": sorted(info.offers),
                "status": info.status,
                "current_job_id": info.current[0] if info.current else None,
                "last_seen": info.last_seen,
            }
            for info in workers
        ],
        "services": [
            {"service_id": name, "service_type": name, "status": status} for name, status in sorted(services.items())
        ],
        "cumulative_stats": {
            "total_jobs_completed": sum(info.counters.completed for info in workers),
            "total_jobs_failed": sum(info.counters.failed for info in workers),
            "uptime_ms": max((info.last_seen - info.started_at for info in workers if info.started_at), default=0),
        },
    }
