"""The worker as others see it: its entry in the fleet, and its answer to ``/ready``."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from emprops import __version__
from emprops.queue.fleet import WorkerInfo
from emprops.worker.board import Board
from emprops.worker.connection import Connection
from emprops.worker.loop import WorkerLoop
from emprops.worker.offers import OK, Survey

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Presence:
    """What the worker says of itself. It can be described from any thread."""

    connection: Connection
    board: Board
    loop: WorkerLoop
    now: Survey
    """What its connectors last said."""
    started_at: int = field(default_factory=lambda: int(time.time() * 1000))
    """Unix milliseconds."""
    announced: bool = False
    """Whether the log says that the worker is ready."""

    def surveyed(self, found: Survey) -> None:
        """Offer this from now on. To be called by the loop's thread, like :meth:`heard`."""
        self.now = found
        self.loop.offer(found.offers)
        self._announce()

    def heard(self, paused: bool) -> None:
        """Work, or pause, as the fleet says."""
        self.loop.pause(paused)
        self._announce()

    def _announce(self) -> None:
        """Say that the worker is ready, once, and not before it is."""
        if not self.announced and self.readiness()[0]:
            self.announced = True
            log.info("worker ready", job_types=sorted(self.now.offers), concurrency=self.loop.lanes.total)

    def describe(self) -> WorkerInfo:
        """Return the entry as of now."""
        loop, held = self.loop, self.board.step_ids()
        return WorkerInfo(
            worker_id=self.connection.worker_id,
            machine_id=self.connection.machine_id,
            status="draining" if loop.draining else "paused" if loop.paused else "busy" if held else "idle",
            offers=self.now.offers,
            concurrency=loop.lanes.total,
            slots=dict(loop.lanes.own),
            current=held,
            started_at=self.started_at,
            counters=loop.counted(),
            connectors=dict(self.now.health),
            version=__version__,
        )

    def readiness(self) -> tuple[bool, Mapping[str, str]]:
        """Return whether the worker can take work, and the state of each part: ``ok``, or what is wrong with it.

        One connector that is not available takes nothing from the others, so it alone makes no worker unready.
        """
        queue = "stopping" if self.loop.draining else OK if self.loop.heard else "not reached yet"
        return queue == OK and bool(self.now.offers), {"queue": queue, **self.now.health}
