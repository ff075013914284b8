"""Previews for those who follow all their jobs: read once for all of a job, apart from the reads of PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from emprops.jobs.mine.news import Listener, News, preview
from emprops.jobs.row_queries import SlimJob
from emprops.jobs.shows import AT_ONCE, FAILED, LatestPreview
from emprops.kit.wanted import Wanted


@dataclass(slots=True)
class _Running:
    """A running job, and the number of the preview that each listener saw last."""

    at: str
    seen: dict[Listener, int] = field(default_factory=dict)


class MyPreviews:
    """A task of its own, so that a Redis that does not answer holds up no news."""

    def __init__(self, latest: LatestPreview) -> None:
        self._latest = latest
        self._running: dict[UUID, _Running] = {}
        self._wanted = Wanted(self._show, at_once=AT_ONCE, failed=FAILED)

    def want(self, job: SlimJob, at: str, listeners: Sequence[Listener]) -> None:
        """Have listeners shown the preview of a job if it runs and there is one that they have not seen. Of a job that
        does not run, or must not be seen, nothing is shown from here on."""
        watching = [listener for listener in listeners if listener.previews != "none"]
        if job.status != "processing" or job.moderated:
            self._running.pop(job.id, None)
        elif watching:
            running = self._running.setdefault(job.id, _Running(at))
            running.at = at
            for listener in watching:
                running.seen.setdefault(listener, 0)
            self._wanted.add(job.id)

    def forget(self, listener: Listener) -> None:
        """Show a listener nothing more."""
        for job_id in [job_id for job_id, running in self._running.items() if listener in running.seen]:
            del self._running[job_id].seen[listener]
            if not self._running[job_id].seen:
                del self._running[job_id]

    async def run(self) -> None:
        """Show until cancelled."""
        await self._wanted.run()

    async def _show(self, job_id: UUID) -> None:
        before = self._running.get(job_id)
        if before is None:
            return
        shown = await self._latest(job_id, min(before.seen.values(), default=0))
        running = self._running.get(job_id)  # it may have ended meanwhile
        if shown is None or running is None:
            return
        made: dict[str, News] = {}
        for listener, seen in running.seen.items():
            if seen < shown.seq and listener.previews != "none":
                if listener.previews not in made:
                    made[listener.previews] = preview(running.at, job_id, shown, listener.previews)
                listener.tell(made[listener.previews])
                running.seen[listener] = shown.seq
