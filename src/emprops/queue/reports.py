"""The report stream: what Redis accepted about attempts, read by the orchestrators in batches."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from emprops.kit.chunks import chunks
from emprops.queue.keys import KEYS
from emprops.queue.messages import Finished, Report
from emprops.queue.scripts import Scripts

GROUP = "orchestrator"
DROPPED = 500
"""Entries in one call: a script can pass on some thousand values at once."""

log = structlog.get_logger(__name__)


class ReportStream:
    """One consumer of the group. An entry is handed to one consumer; what a dead one had is taken over."""

    def __init__(self, redis: Redis, *, prefix: str = "emprops:", consumer: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.scripts = Scripts(redis, prefix)
        self.stream = prefix + KEYS.reports
        self.consumer = consumer

    async def read(self, *, count: int = 200, block: float = 2.0) -> list[Report]:
        """Wait up to ``block`` seconds for new entries. Makes the stream and group where they are missing."""
        try:
            reply = await self.redis.xreadgroup(
                GROUP, self.consumer, {self.stream: ">"}, count=count, block=max(1, int(block * 1000))
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self.ensure_group()
            return []
        entries: Any = reply.values() if isinstance(reply, dict) else (part[1] for part in reply or ())
        return await self._parsed([entry for part in entries for entry in part])

    async def take_over(self, *, idle: float = 30.0, count: int = 200) -> list[Report]:
        """Take entries that some consumer got but did not acknowledge within ``idle`` seconds."""
        try:
            reply: Any = await self.redis.xautoclaim(
                self.stream, GROUP, self.consumer, min_idle_time=int(idle * 1000), count=count
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self.ensure_group()
            return []
        return await self._parsed(reply[1])

    async def acknowledge(self, reports: Sequence[Report]) -> None:
        """Drop entries whose effects are committed."""
        if reports:
            await self._drop({report.entry_id for report in reports})

    async def _drop(self, entry_ids: Iterable[str]) -> None:
        for ids in chunks(list(entry_ids), DROPPED):
            await self.scripts("acknowledge", GROUP, *ids)

    async def _parsed(self, entries: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Report]:
        reports: list[Report] = []
        unreadable: list[str] = []
        for entry_id, fields in entries:
            if not fields:  # deleted while it was pending
                continue
            found = [_readable(entry_id.decode(), line) for line in fields.get(b"r", b"").split(b"\n")]
            reports += [report for report in found if report is not None]
            if not any(found):
                unreadable.append(entry_id.decode())
        if unreadable:
            await self._drop(unreadable)
        return reports

    async def forget_consumers(self, *, idle: float = 3600.0) -> int:
        """Drop consumers without pending entries that were silent for ``idle`` seconds: processes that ended."""
        try:
            consumers = await self.redis.xinfo_consumers(self.stream, GROUP)
        except ResponseError as error:
            if "NOGROUP" not in str(error) and "no such key" not in str(error):
                raise
            return 0
        gone = [c["name"] for c in consumers if c["pending"] == 0 and c["idle"] > idle * 1000]
        for name in gone:
            await self.redis.xgroup_delconsumer(self.stream, GROUP, name)
        return len(gone)

    async def ensure_group(self) -> None:
        """Make the stream and the group if Redis does not have them."""
        try:
            await self.redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def parse_report(entry_id: str, raw: bytes) -> Report:
    """Decode one report."""
    data = orjson.loads(raw)
    finished = data.get("finished")
    return Report(
        entry_id=entry_id,
        kind=data["kind"],
        step_id=data["step_id"],
        job_id=data["job_id"],
        run=data["run"],
        attempt=data["attempt"],
        worker_id=data.get("worker_id", ""),
        at=data["at"],
        progress=data.get("progress"),
        message=data.get("message", ""),
        finished=None if finished is None else Finished.from_json(finished),
        dead=data.get("dead"),
        since=data.get("since"),
    )


def _readable(entry_id: str, line: bytes) -> Report | None:
    # One report that cannot be read (another version's, a foreign writer's) must not hold up all those after it; its
    # step is found again by its age.
    try:
        return parse_report(entry_id, line)
    except (ValueError, KeyError, TypeError, AttributeError):
        log.exception("unreadable report dropped", entry_id=entry_id, report=line[:500])
        return None
