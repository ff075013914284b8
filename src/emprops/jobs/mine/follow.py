"""Who follows all their jobs: one task looks for all of this process, when a poke says so and from time to time.

A poke names a job. Whose it is is asked once per job and then remembered, so jobs of others cost a look in a table in
memory, and users to whom nothing happens cost nothing. Jobs that were begun by other tabs, processes or machines are
found the same way. From time to time one statement asks what changed without a poke.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from emprops.jobs.mine import queries
from emprops.jobs.mine.news import Listener, changed, cursor_at, subscribed, time_of
from emprops.jobs.mine.previews import MyPreviews
from emprops.jobs.row_queries import SlimJob, encoded, row_json, slim_jobs
from emprops.jobs.shows import LatestPreview, latest_from
from emprops.kit.chunks import chunks
from emprops.kit.database import Database, Transaction
from emprops.kit.looking import look_for_ever, news_or_time
from emprops.kit.pubsub import Pokes
from emprops.kit.recent import Recent
from emprops.kit.tasks import Background, run_together
from emprops.kit.web.endpoint import Resources
from emprops.media.result_links import ResultLinks, result_links_from

PAUSE: Final = 0.05
"""Seconds between two looks; what happens meanwhile is looked at together."""
CHUNK: Final = 200
"""Jobs per statement."""
AT_ONCE: Final = 50
"""Jobs told of before others get their turn."""
MAX_SHOWN: Final = 200
"""Most jobs in the answer to who begins or comes back."""
MAX_MOVED: Final = 10_000
MAX_REMEMBERED: Final = 20_000
"""Jobs whose owner, and what was last told of them, is remembered."""
OVERLAP: Final = 60.0
"""Seconds by which commits may become visible after the time that they carry."""


@dataclass(slots=True)
class Beginning:
    """Somebody who begins to follow, or comes back with a cursor."""

    listener: Listener
    since: str | None
    jobs: list[UUID] = field(default_factory=list)
    resync: bool = False


class MyJobs(Background):
    """One per api process, on ``app.state.my_jobs``. Use as ``async with``."""

    task_name = "my-jobs"

    def __init__(
        self, database: Database, pokes: Pokes, latest: LatestPreview, *, results: ResultLinks, poll: float
    ) -> None:
        """``poll``: seconds after which it is asked what changed although nothing poked."""
        self._database = database
        self._pokes = pokes
        self._results = results
        self._poll = poll
        self._listeners: dict[UUID, dict[Listener, bool]] = {}
        self._beginning: list[Beginning] = []
        self._owners: Recent[UUID, UUID] = Recent(MAX_REMEMBERED)
        self._told: Recent[UUID, datetime] = Recent(MAX_REMEMBERED)
        self._poked: set[UUID] = set()
        self._polled: datetime | None = None
        self._poll_at = 0.0
        self._at = ""
        self._previews = MyPreviews(latest)
        self._news = asyncio.Event()

    # --- listeners

    def follow(self, listener: Listener, since: str | None) -> None:
        """Have a listener told how its user's jobs stand, or what changed since a cursor, and then all that happens."""
        self._listeners.setdefault(listener.user_id, {})[listener] = False
        self._beginning.append(Beginning(listener, since))
        self._news.set()

    def leave(self, listener: Listener) -> None:
        """Have a listener told nothing more. Does nothing if it was not told."""
        of_user = self._listeners.get(listener.user_id, {})
        of_user.pop(listener, None)
        self._previews.forget(listener)
        if not of_user:
            self._listeners.pop(listener.user_id, None)
        if not self._listeners:  # nobody keeps up from here on
            self._polled, self._poll_at = None, 0.0
            self._told.clear()
            self._poked.clear()

    def _follows(self, listener: Listener) -> bool:
        return listener in self._listeners.get(listener.user_id, {})

    def _begun(self, user_id: UUID) -> list[Listener]:
        return [listener for listener, begun in self._listeners.get(user_id, {}).items() if begun]

    # --- the task

    async def _work(self) -> None:
        # made here, not in __aenter__: a task that is stopped before it began must leave no coroutine behind
        await run_together({"looks": self._run(), "previews": self._previews.run()})

    async def _run(self) -> None:
        with self._pokes.overhear(self._overhear):
            await look_for_ever(self._turn, self._database.outage, pause=PAUSE, failed="looking for users' jobs failed")

    async def _turn(self) -> None:
        await self._wait()
        await self._round()
        self._database.outage.over()

    def _overhear(self, topics: Sequence[str] | None) -> None:
        if not self._listeners:
            return
        if topics is None:
            self._poll_at = 0.0
            self._news.set()
            return
        for job_id in map(UUID, topics):
            owner = self._owners.get(job_id)
            if owner is None or owner in self._listeners:
                self._poked.add(job_id)
        if self._poked:
            self._news.set()

    async def _wait(self) -> None:
        """Wait until there is something to look for; with nobody listening, until somebody does."""
        while not self._beginning and not self._poked:
            if self._listeners and self._poll_at <= asyncio.get_running_loop().time():
                return
            self._news.clear()
            await news_or_time(self._news, self._poll_at if self._listeners else None)

    async def _round(self) -> None:
        """Look once at all that may have changed or was asked for, and tell."""
        beginning = [one for one in self._beginning if self._follows(one.listener)]  # the others have left meanwhile
        self._beginning = []
        poked, self._poked = self._poked, set()
        try:
            now, jobs = await self._look(beginning, poked)
        except BaseException:
            self._poked |= poked
            self._beginning += beginning
            raise
        for number, job in enumerate(sorted(jobs.values(), key=lambda job: job.updated_at), 1):
            self._tell(job)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        self._at = cursor_at(now)
        for one in beginning:
            self._answer(one, jobs)

    async def _look(self, beginning: Sequence[Beginning], poked: set[UUID]) -> tuple[datetime, dict[UUID, SlimJob]]:
        async with self._database.reader() as reader:
            now = await queries.clock(reader)
            await self._learn_owners(reader, [job_id for job_id in poked if job_id not in self._owners])
            wanted = {job_id for job_id in poked if self._owners.get(job_id) in self._listeners}
            wanted |= await self._moved(reader, now)
            for one in beginning:
                await self._prepare(reader, one, now)
                wanted |= set(one.jobs)
            found: dict[UUID, SlimJob] = {}
            for chunk in chunks(list(wanted), CHUNK):
                found |= {job.id: job for job in await slim_jobs(reader, chunk)}
        return now, found

    async def _learn_owners(self, reader: Transaction, job_ids: Sequence[UUID]) -> None:
        if job_ids:
            for owned in await queries.owners(reader, job_ids):
                self._owners[owned.id] = owned.user_id

    async def _moved(self, reader: Transaction, now: datetime) -> set[UUID]:
        """The slow poll: find changes of which no poke came."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._poll_at:
            return set()
        moved: list[queries.Changed] = []
        if self._polled is not None:
            since = self._polled - timedelta(seconds=OVERLAP)
            moved = await queries.changed_of_users(reader, list(self._listeners), since, MAX_MOVED)
        for one in moved:
            self._owners[one.id] = one.user_id
        self._polled, self._poll_at = now, loop.time() + self._poll
        return {one.id for one in moved if self._told.get(one.id) != one.updated_at}

    async def _prepare(self, reader: Transaction, one: Beginning, now: datetime) -> None:
        """Find out which jobs an answer shows."""
        user_id = one.listener.user_id
        since = None if one.since is None else time_of(one.since, now)
        if since is not None:
            earlier = since - timedelta(seconds=self._poll + OVERLAP)
            one.jobs = await queries.changed_of_user(reader, user_id, earlier, MAX_SHOWN + 1)
        one.resync = one.since is not None and (since is None or len(one.jobs) > MAX_SHOWN)
        if since is None or one.resync:
            one.jobs = await queries.open_jobs(reader, user_id, MAX_SHOWN + 1)

    def _tell(self, job: SlimJob) -> None:
        """Have those who follow its user told how a job is, unless they know, and have its preview looked for."""
        listeners = self._begun(job.user_id)
        if not listeners:
            return
        if self._told.get(job.id) != job.updated_at:
            news = changed(self._at, job.id, encoded(row_json(job, self._results)))
            for listener in listeners:
                listener.tell(news)
            self._told[job.id] = job.updated_at
        self._previews.want(job, self._at, listeners)

    def _answer(self, one: Beginning, jobs: dict[UUID, SlimJob]) -> None:
        listener = one.listener
        if not self._follows(listener):
            return  # it has left
        shown = [jobs[job_id] for job_id in one.jobs[:MAX_SHOWN] if job_id in jobs]
        rows = [encoded(row_json(job, self._results)) for job in shown]
        listener.tell(subscribed(self._at, rows, resync=one.resync, truncated=len(one.jobs) > MAX_SHOWN))
        self._listeners[listener.user_id][listener] = True
        for job in shown:
            self._owners[job.id] = job.user_id
            self._previews.want(job, self._at, [listener])


def my_jobs_from(resources: Resources) -> MyJobs:
    """Make what the followers of an api process are told by."""
    settings = resources.settings
    return MyJobs(
        resources.database,
        resources.pokes,
        latest_from(resources),
        results=result_links_from(settings),
        poll=settings.stream_poll,
    )
