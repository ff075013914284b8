"""Streams and WebSockets that a session opened end with it: each process looks at the sessions that have any."""

import asyncio
from collections import defaultdict
from functools import partial
from uuid import UUID

import psycopg
import structlog

from emprops.auth import session_store
from emprops.kit.database import Database
from emprops.kit.web.lease import End, Lease

log = structlog.get_logger(__name__)

LOOK_EVERY = 10.0
"""Seconds between two looks; with their length, sessions that were revoked end within 15 s."""


class SessionWatch:
    """The open connections of sessions; one per process. It asks the database only while there are any."""

    def __init__(self) -> None:
        self._open: dict[UUID, set[End]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def lease(self, session_id: UUID, database: Database) -> Lease:
        """Return what connections take that end with a session."""
        return partial(self._take, session_id, database)

    def end(self, session_id: UUID) -> None:
        """End the connections of a session."""
        for end in tuple(self._open.get(session_id, ())):
            end()

    async def look(self, database: Database) -> None:
        """End the connections of sessions that have ended."""
        asked = list(self._open)  # more may be opened meanwhile
        async with database.reader() as reader:
            live = await session_store.live_among(reader, asked)
        for session_id in set(asked) - live:
            self.end(session_id)

    def _take(self, session_id: UUID, database: Database, end: End) -> End:
        self._open[session_id].add(end)
        if self._task is None:
            self._task = asyncio.create_task(self._run(database), name="session-watch")
        return partial(self._give_back, session_id, end)

    def _give_back(self, session_id: UUID, end: End) -> None:
        ends = self._open.get(session_id, set())
        ends.discard(end)
        if not ends:
            self._open.pop(session_id, None)
        if not self._open and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, database: Database) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look(database)
            except psycopg.Error as error:
                log.warning("open sessions not looked at", error=str(error))
