"""Previews for the streams of this process: read once for all streams of a job, apart from the reads of PostgreSQL."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from emprops.jobs.preview import latest_preview
from emprops.jobs.stream import Watched
from emprops.kit.wanted import Wanted
from emprops.kit.web.endpoint import Resources
from emprops.queue.previews import Shown

AT_ONCE: Final = 20
"""Jobs whose previews are read at the same time."""
FAILED: Final = "previews failed"

LatestPreview = Callable[[UUID, int], Awaitable[Shown | None]]
"""Return a job's preview if there is one newer than a number. Waits a second at most."""
LastSaid = Callable[[UUID], Awaitable[str]]
"""Return what was last said of a job's progress. Waits a second at most."""


def latest_from(resources: Resources) -> LatestPreview:
    """Return what finds previews for an api process."""

    async def latest(job_id: UUID, after: int) -> Shown | None:
        return await latest_preview(resources.redis, resources.settings.queue_prefix, job_id, after=after)

    return latest


class Shows:
    """A task of its own, so that a Redis that does not answer holds up no news."""

    def __init__(self, latest: LatestPreview, said: LastSaid) -> None:
        self._latest = latest
        self._said = said
        self._wanted = Wanted(self._show, at_once=AT_ONCE, failed=FAILED)

    def want(self, job: Watched) -> None:
        """Have a running job's streams shown its preview, if there is a new one."""
        self._wanted.add(job)

    async def run(self) -> None:
        """Show until cancelled."""
        await self._wanted.run()

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
