"""A job as a stream of events.

First ``history_init``, then one ``job_update``, then ``job_history`` for each new line of the history and
``job_update`` whenever the job looks different, in the order of the commits; the last event is the ``job_update`` that
shows how the job ended. While a step runs, ``job_preview`` shows what it is making; old ones are not sent again.
Nothing is kept for a stream but the number of the last row it saw: each look is one statement on a borrowed connection,
when a poke says so and, since pokes may get lost, from time to time.

The id of an event is that of the newest history row known by then. Rows of one job become visible in the order of
their ids, because whoever writes one holds the job's row lock (``jobs/store.py``); so a client that comes back with the
last id it saw, to this replica or another one, misses no row and gets none twice. The event that shows how the job
ended has ``-end`` in its id: who comes back with that has seen everything, unless the job was tried again.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson

from emprops.jobs.preview import Way, as_event
from emprops.jobs.queries import Look, as_json, look, to_bytes
from emprops.jobs.states import TERMINAL
from emprops.kit.database import Database
from emprops.kit.pubsub import Pokes
from emprops.kit.web.sse import Event
from emprops.queue.previews import Shown

CHUNK = 500
"""History rows per look; more of them take more looks."""
INITIAL = 1000
"""Most rows of ``history_init``; the newest ones. ``GET /jobs/{id}/history`` has all."""

_ROW_ID = re.compile(r"([0-9]{1,18})(-end)?")


def row_id_of(last_event_id: str | None) -> int | None:
    """Read ``Last-Event-ID``; None if it cannot be one of ours."""
    match = _ROW_ID.fullmatch((last_event_id or "").strip())
    return int(match[1]) if match else None


def saw_end(last_event_id: str | None) -> bool:
    """Return whether ``Last-Event-ID`` is that of an event that showed how a job ended."""
    match = _ROW_ID.fullmatch((last_event_id or "").strip())
    return match is not None and match[2] is not None


LatestPreview = Callable[[int], Awaitable[Shown | None]]
"""Return the job's preview if there is one newer than a number."""


async def follow(
    database: Database,
    pokes: Pokes,
    job_id: UUID,
    *,
    last_row: int | None,
    poll: float,
    preview: LatestPreview,
    way: Way = "url",
) -> AsyncIterator[Event]:
    """Return the job's events from after ``last_row`` (None, or no row of this job: from the beginning) to its end.

    ``poll``: seconds after which it looks again although nothing poked. Ends early if the job is deleted.
    """
    with pokes.listen(str(job_id)) as poke:  # from before the first look, so that no change falls between the two
        following = _Follower(job_id)
        async for event in following.begin(database, last_row):
            yield event
        seq = 0
        while not following.ended:
            if following.running and (shown := await preview(seq)) is not None:
                seq = shown.seq
                yield Event("job_preview", as_event(job_id, shown, way))
            await poke.wait(poll)
            async for event in following.go_on(database):
                yield event


class _Follower:
    """What one stream knows of its job."""

    def __init__(self, job_id: UUID) -> None:
        self.ended = False
        self.running = False
        self._job_id = job_id
        self._row = 0
        self._shown: bytes | None = None
        self._attempt = 0
        self._progress: float | None = None

    async def begin(self, database: Database, last_row: int | None) -> AsyncIterator[Event]:
        """Catch up: all that happened before, or all since ``last_row``, and the job as it is now."""
        if last_row is not None:
            self._row = last_row
            seen = await self._look(database)
            if seen is None or seen.known:
                async for event in self._events(database, seen):
                    yield event
                return
            self._row = 0
        seen = await self._look(database, INITIAL, newest_first=True)
        if seen is not None:
            self._row = seen.newest
            yield Event("history_init", seen.rows, str(self._row))
            if (update := self._update(seen)) is not None:
                yield update

    async def go_on(self, database: Database) -> AsyncIterator[Event]:
        """Return what is new."""
        async for event in self._events(database, await self._look(database)):
            yield event

    async def _events(self, database: Database, seen: Look | None) -> AsyncIterator[Event]:
        """Return new history rows, as many looks as they take, and then the job as the last look saw it."""
        while seen is not None:
            for row in seen.rows:
                self._row = int(row["id"])
                yield Event("job_history", row, row["id"])
            if self._row >= seen.newest:
                break
            seen = await self._look(database)
        if seen is not None and (update := self._update(seen)) is not None:
            yield update

    async def _look(self, database: Database, limit: int = CHUNK, *, newest_first: bool = False) -> Look | None:
        async with database.reader() as reader:
            seen = await look(reader, self._job_id, self._row, limit, newest_first=newest_first)
        if seen is None:
            self.ended = True
        return seen

    def _update(self, seen: Look) -> Event | None:
        """Return the job, unless it looks as it did; notice its end."""
        job: dict[str, Any] = as_json(seen)
        if seen.retry_count == self._attempt and self._progress is not None:
            # the table's progress does not fall either; a client must not see it fall even if that were wrong
            job["progress"] = max(self._progress, job["progress"] or 0)
        self._attempt, self._progress = seen.retry_count, job["progress"]
        visible = to_bytes({key: value for key, value in job.items() if key != "updated_at"})
        digest = blake2b(visible, digest_size=16).digest()
        self.ended, self.running = seen.status in TERMINAL, seen.status == "processing"
        if digest == self._shown:
            return None
        self._shown = digest
        return Event("job_update", orjson.Fragment(to_bytes(job)), f"{self._row}{'-end' if self.ended else ''}")
