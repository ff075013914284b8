"""Previews for the streams of this process: read once for all streams of a job, apart from the reads of PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog

from emprops.jobs.stream import Watched
from emprops.queue.previews import Shown

log = structlog.get_logger(__name__)

AT_ONCE: Final = 20
"""Jobs whose previews are read at the same time."""

LatestPreview = Callable[[UUID, int], Awaitable[Shown | None]]
"""Return a job's preview if there is one newer than a number. Waits a second at most."""
LastSaid = Callable[[UUID], Awaitable[str]]
"""Return what was last said of a job's progress. Waits a second at most."""


class Shows:
    """A task of its own, so that a Redis that does not answer holds up no news."""

    def __init__(self, latest: LatestPreview, said: LastSaid) -> None:
        self._latest = latest
        self._said = said
        self._wanted: set[Watched] = set()
        self._news = asyncio.Event()

    def want(self, job: Watched) -> None:
        """Have a running job's streams shown its preview, if there is a new one."""
        self._wanted.add(job)
        self._news.set()

    async def run(self) -> None:
        """Show until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._wanted:
                jobs = [self._wanted.pop() for _ in range(min(AT_ONCE, len(self._wanted)))]
                for error in await asyncio.gather(*map(self._show, jobs), return_exceptions=True):
                    if isinstance(error, Exception):
                        log.error("previews failed", exc_info=error)

    async def _show(self, job: Watched) -> None:
        listening = [follower for follower in job.followers if follower.listens]
        said = await self._said(job.id) if listening else ""
        for follower in listening:
            if job.running and follower.begun and follower.stream.ready:
                follower.hear(said)
        oldest = min((follower.preview for follower in job.followers), default=0)
        shown = await self._latest(job.id, oldest)
        if shown is None or not job.running:
            return
        events: dict[str, bytes] = {}
        for follower in job.followers:
            if follower.begun and follower.preview < shown.seq and follower.stream.ready:
                if follower.form not in events:
                    events[follower.form] = follower.preview_event(shown)
                follower.stream.write(events[follower.form])
                follower.preview = shown.seq
