"""The report stream: what Redis accepted about attempts, read by the orchestrators in batches."""

from collections.abc import Sequence
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from emprops.queue.keys import KEYS
from emprops.queue.messages import Finished, Report

GROUP = "orchestrator"


class ReportStream:
    """One consumer of the group. An entry is handed to one consumer; what a dead one had is taken over."""

    def __init__(self, redis: Redis, *, prefix: str = "emprops:", consumer: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
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
        return [report for part in entries for report in _parse_entries(part)]

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
        return _parse_entries(reply[1])

    async def acknowledge(self, reports: Sequence[Report]) -> None:
        """Drop entries whose effects are committed."""
        if not reports:
            return
        ids = list({report.entry_id for report in reports})
        pipe = self.redis.pipeline(transaction=False)
        pipe.xack(self.stream, GROUP, *ids)
        pipe.xdel(self.stream, *ids)
        await pipe.execute()

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
    )


def _parse_entries(entries: Any) -> list[Report]:
    # an entry holds one report a line; one deleted while it was pending comes back without fields
    return [
        parse_report(entry_id.decode(), line)
        for entry_id, fields in entries
        if fields
        for line in fields[b"r"].split(b"\n")
    ]
