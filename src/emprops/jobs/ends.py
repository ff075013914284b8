"""Jobs whose end somebody waits for: one task looks for all of this process, when a poke says so and from time to time.

A look is one statement for many jobs, and reads only those that have ended: so a job is read once, for all who wait for
it. Nothing is lost between a read and the next poke, because a job is expected before it is first looked at.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from emprops.errors import TooManyRequestsError, UnavailableError
from emprops.jobs import queries
from emprops.jobs.queries import JobDetail
from emprops.kit.database import Database, Transaction
from emprops.kit.looking import look_for_ever, news_or_time
from emprops.kit.pubsub import Pokes
from emprops.kit.tasks import Background
from emprops.kit.web.endpoint import Resources
from emprops.queue.keys import ENDED

JOBS: Final = 50
"""Jobs per statement: those that have ended may have a megabyte of data each."""
FULL: Final = "You have {} requests waiting for jobs; let one end, or ask without `wait`."

End = asyncio.Future[JobDetail | None]
"""The job as it ended; None if the wait was broken off."""


class Ends(Background):
    """One per api process, on ``app.state.ends``. Use as ``async with``."""

    task_name = "ends"

    def __init__(self, database: Database, pokes: Pokes, *, poll: float, most: int, most_per_user: int) -> None:
        """``poll``: seconds after which a job is looked at although nothing poked. ``most`` may wait at once."""
        self._database = database
        self._pokes = pokes
        self._poll = poll
        self._most = most
        self._most_per_user = most_per_user
        self.waiting = 0
        """How many requests wait now."""
        self._waiting: Counter[str] = Counter()
        self._expected: dict[str, list[End]] = {}
        self._asked: set[str] = set()
        self._look_at_all = 0.0
        self._news = asyncio.Event()

    # --- requests

    @contextmanager
    def place(self, user: str) -> Iterator[None]:
        """Count a request that may wait, for the length of the block. Raises :class:`TooManyRequestsError` if the user
        has too many of them, :class:`UnavailableError` if all users have."""
        if self._waiting[user] >= self._most_per_user:
            raise TooManyRequestsError(FULL.format(self._most_per_user))
        if self.waiting >= self._most:
            raise UnavailableError("Too many requests wait for jobs on this server. Try again, or ask without `wait`.")
        self._waiting[user] += 1
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1
            self._waiting[user] -= 1
            if not self._waiting[user]:
                del self._waiting[user]

    @contextmanager
    def expecting(self, job_id: str) -> Iterator[End]:
        """Notice a job's end, for the length of the block, from the next poke on; see :meth:`look_at`."""
        end: End = asyncio.get_running_loop().create_future()
        self._expected.setdefault(job_id, []).append(end)
        try:
            yield end
        finally:
            self._expected[job_id].remove(end)
            if not self._expected[job_id]:
                del self._expected[job_id]

    def look_at(self, job_id: str) -> None:
        """Look soon whether an expected job has ended."""
        self._asked.add(job_id)
        self._news.set()

    def look_with_commit(self, tx: Transaction, job_ids: Iterable[UUID]) -> None:
        """Read those of these jobs that are expected together with the commit of the transaction in which they end. If
        there are more than fit in one statement, or it fails, the usual poke tells."""
        wanted = [job_id for job_id in map(str, job_ids) if self._is_awaited(job_id)]

        async def look() -> None:
            for job in await queries.ended(tx, wanted):
                self._tell(job)

        if 0 < len(wanted) <= JOBS:
            tx.with_commit(look)

    # --- the task

    async def _work(self) -> None:
        with self._pokes.overhear(self._overhear, kind=ENDED):
            await look_for_ever(self._turn, self._database.outage, pause=0.0, failed="looking for ended jobs failed")

    async def _turn(self) -> None:
        await self._wait()
        await self._look()

    def _overhear(self, topics: Sequence[str] | None) -> None:
        if topics is None:
            self._look_at_all = 0.0
            self._news.set()
            return
        for job_id in topics:
            if job_id in self._expected:
                self.look_at(job_id)

    async def _wait(self) -> None:
        """Wait for news, or until it is time to look at all."""
        await news_or_time(self._news, self._look_at_all)
        self._news.clear()

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._look_at_all:
            self._asked.update(self._expected)
            self._look_at_all = now + self._poll
        left = [job_id for job_id in self._asked if self._is_awaited(job_id)]
        self._asked.clear()
        if not left:
            return
        try:
            async with self._database.reader() as reader:
                while left:
                    for job in await queries.ended(reader, left[:JOBS]):
                        self._tell(job)
                    del left[:JOBS]
        except BaseException:
            self._asked.update(left)
            self._news.set()
            raise
        self._database.outage.over()

    def _is_awaited(self, job_id: str) -> bool:
        return any(not end.done() for end in self._expected.get(job_id, ()))

    def _tell(self, job: JobDetail) -> None:
        for end in self._expected.get(str(job.id), ()):
            if not end.done():
                end.set_result(job)


def ends_from(resources: Resources) -> Ends:
    """Make what the requests of an api process wait with."""
    settings = resources.settings
    return Ends(
        resources.database,
        resources.pokes,
        poll=settings.stream_poll,
        most=settings.wait_limit,
        most_per_user=settings.wait_limit_per_user,
    )
