"""What happens to jobs, for all streams of this process: one task looks, when a poke says so and from time to time.

A look is one statement for many jobs. It asks for what those streams have not seen that have reason to believe that
there is something: they have just begun, their job was poked, their client reads again. Streams of one job that have
seen as much share what it found. From time to time the task asks which jobs look different by now, as pokes get lost.

Nothing is lost between two looks, because a stream is asked about as long as it is behind its job, and a poke that
comes during a look leads to another one. A look that fails is made again: there is no news yet.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import structlog

from emprops.jobs.preview import said_of
from emprops.jobs.shows import LastSaid, LatestPreview, Shows, latest_from
from emprops.jobs.stream import Follower, MakeFollower, Watched
from emprops.jobs.stream_queries import Look, looks, moved
from emprops.kit.chunks import chunks
from emprops.kit.database import Database, Transaction
from emprops.kit.looking import look_for_ever, news_or_time
from emprops.kit.pubsub import Pokes
from emprops.kit.tasks import Background, run_together
from emprops.kit.web.endpoint import Resources
from emprops.kit.web.streams import Stream
from emprops.media.result_links import ResultLinks, result_links_from

log = structlog.get_logger(__name__)

PAUSE: Final = 0.005
"""Seconds between two looks; what happens meanwhile is looked at together."""
AT_ONCE: Final = 100
"""Streams written to before others get their turn."""
BEGINNING: Final = 50
"""Streams that begin with one look; the others wait for the next, so that news need not wait for them all."""
JOBS: Final = 25
"""Jobs per statement: each may have a megabyte of data."""
CHECKED: Final = 500
"""Jobs of which it is asked at once whether they look different."""
CHUNK: Final = 500
"""History rows of a job per look; more of them take more looks."""
INITIAL: Final = 1000
"""Most rows of ``history_init``; the newest ones. ``GET /jobs/{id}/history`` has all."""


class Lookout(Background):
    """One per api process, on ``app.state.lookout``. Use as ``async with``."""

    task_name = "lookout"

    def __init__(
        self,
        database: Database,
        pokes: Pokes,
        latest: LatestPreview,
        said: LastSaid,
        *,
        results: ResultLinks,
        poll: float,
    ) -> None:
        """``poll``: seconds after which a job is asked about although nothing poked."""
        self._database = database
        self._pokes = pokes
        self._results = results
        self._poll = poll
        self._shows = Shows(latest, said)
        self._jobs: dict[UUID, Watched] = {}
        self._waiting: set[Follower] = set()
        self._beginning: OrderedDict[Follower, None] = OrderedDict()
        self._unchecked: list[UUID] = []
        self._check_at = 0.0
        self._news = asyncio.Event()

    # --- streams

    def follow(self, stream: Stream, *, job_id: UUID, last_row: int | None, make: MakeFollower = Follower) -> Follower:
        """Show a stream its job from after ``last_row`` (None, or no row of this job: from the beginning) to its end.
        ``make`` decides in which form.

        The stream ends early if the job is deleted.
        """
        job = self._jobs.get(job_id)
        if job is None:
            job = self._jobs[job_id] = Watched(job_id, self._results)
        follower = make(self, job, stream, last_row)
        job.followers.append(follower)
        self.want(follower)
        return follower

    def want(self, follower: Follower) -> None:
        """Have a stream shown what is new."""
        if follower.begun:
            self._beginning.pop(follower, None)  # a poke during its first look put it there
            self._waiting.add(follower)
        else:
            self._beginning[follower] = None
        self._news.set()

    def leave(self, follower: Follower) -> None:
        """Forget a stream."""
        job = follower.job
        job.followers.remove(follower)
        self._waiting.discard(follower)
        self._beginning.pop(follower, None)
        if not job.followers:
            del self._jobs[job.id]

    # --- the task

    async def _work(self) -> None:
        # made here, not in __aenter__: a task that is stopped before it began must leave no coroutine behind
        await run_together({"looks": self._run(), "previews": self._shows.run()})

    async def _run(self) -> None:
        with self._pokes.overhear(self._overhear):
            await look_for_ever(self._turn, self._database.outage, pause=PAUSE, failed="streams failed")

    async def _turn(self) -> None:
        await self._wait()
        await self._look()
        self._database.outage.over()

    def _overhear(self, topics: Sequence[str] | None) -> None:
        if not self._jobs:
            return
        if topics is None:
            self._check_at = 0.0
        for job in filter(None, (self._jobs.get(UUID(topic)) for topic in topics or ())):
            self._want_all(job.followers)
        self._news.set()

    def _want_all(self, followers: Iterable[Follower]) -> None:
        for follower in followers:
            self.want(follower)

    async def _wait(self) -> None:
        """Wait until there is something to look for."""
        while not self._waiting and not self._beginning and not self._unchecked:
            if self._jobs and self._check_at <= asyncio.get_running_loop().time():
                return
            self._news.clear()
            await news_or_time(self._news, self._check_at if self._jobs else None)

    async def _look(self) -> None:
        """Look once: for all streams that go on, for some of those that begin, and at some jobs that were not poked."""
        waiting, self._waiting = self._waiting, set()
        beginning = [self._beginning.popitem(last=False)[0] for _ in range(min(BEGINNING, len(self._beginning)))]
        unchecked = self._next_to_check()
        try:
            async with self._database.reader() as reader:
                await self._show_all(reader, [one for one in (*waiting, *beginning) if one.stream.ready])
                await self._check(reader, unchecked)
        except BaseException:
            self._want_all((*waiting, *beginning))
            self._unchecked += unchecked
            raise

    def _next_to_check(self) -> list[UUID]:
        """Take some of the jobs whose turn it is; when it is time, that of all begins."""
        now = asyncio.get_running_loop().time()
        if not self._unchecked and now >= self._check_at:
            self._unchecked, self._check_at = list(self._jobs), now + self._poll
        chosen, self._unchecked = self._unchecked[:CHECKED], self._unchecked[CHECKED:]
        return chosen

    async def _show_all(self, reader: Transaction, followers: Sequence[Follower]) -> None:
        """Show streams what is new to them; those that are behind after that wait for the next look."""
        from_the_beginning = _grouped(follower for follower in followers if follower.row is None)
        from_a_row = _grouped(follower for follower in followers if follower.row is not None)
        for groups, limit, newest_first in ((from_a_row, CHUNK, False), (from_the_beginning, INITIAL, True)):
            for asked in chunks(list(groups), JOBS):
                seen = await looks(reader, asked, limit, newest_first=newest_first)
                found = {(look.id, look.after): look for look in seen}
                for key in asked:
                    await self._show(groups[key], found.get(key))
        for job in {follower.job for follower in followers}:
            self._want_all(follower for follower in job.followers if follower.is_behind and follower.stream.ready)
            if job.running and job.followers:
                self._shows.want(job)

    async def _show(self, followers: Sequence[Follower], look: Look | None) -> None:
        """Show some followers of one job, all of whom have seen as much, what is new."""
        try:
            seen = None if look is None else followers[0].job.note(look)
            for number, follower in enumerate(followers, 1):
                if seen is None:
                    follower.stream.end("the job was deleted")
                else:
                    follower.show(seen)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
        except Exception:
            log.exception("stream failed", job_id=str(followers[0].job.id))
            for follower in followers:
                follower.stream.end("something broke", comes_back=True)

    async def _check(self, reader: Transaction, job_ids: Sequence[UUID]) -> None:
        """Ask which jobs look different by now, and have their streams shown how."""
        jobs = [self._jobs[job_id] for job_id in job_ids if job_id in self._jobs]
        if jobs:
            for job_id in await moved(reader, [(job.id, job.updated_at, job.newest) for job in jobs]):
                if job_id in self._jobs:
                    self._want_all(self._jobs[job_id].followers)


def _grouped(followers: Iterable[Follower]) -> dict[tuple[UUID, int], list[Follower]]:
    """Group followers by job, and by how much they have seen of it."""
    groups: dict[tuple[UUID, int], list[Follower]] = {}
    for follower in followers:
        groups.setdefault((follower.job.id, follower.row or 0), []).append(follower)
    return groups


def lookout_from(resources: Resources) -> Lookout:
    """Make the lookout of an api process."""
    settings = resources.settings

    async def said(job_id: UUID) -> str:
        return await said_of(resources.redis, settings.queue_prefix, job_id)

    return Lookout(
        resources.database,
        resources.pokes,
        latest_from(resources),
        said,
        results=result_links_from(settings),
        poll=settings.stream_poll,
    )
