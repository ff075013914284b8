"""The heartbeat: a thread that renews leases, passes progress on and keeps the worker's entry in the fleet.

It is a thread because work may block the event loop, and a lease must not depend on the work's good manners. When it
cannot renew in time it stops the work: somebody else is about to get those steps.
"""

import threading
import time
from collections.abc import Callable

import structlog

from emprops.queue.fleet import WorkerInfo
from emprops.queue.messages import Claim
from emprops.queue.transport import AWAY, Beat, Heartbeat, Membership, WorkerRefusedError
from emprops.worker.board import Board

log = structlog.get_logger(__name__)

ANNOUNCE_INTERVAL = 5.0
"""Seconds between announcements while the status stays the same. With each, the worker hears whether to pause."""
MACHINE_INTERVAL = 15.0
"""Seconds between machine status messages (contract's internal channels)."""


class HeartbeatThread(threading.Thread):
    """Beats until :meth:`stop`. ``describe`` gives the worker's present entry, ``obey`` hears whether to pause.

    Should it end by itself, it takes the work with it, and ``died`` is told: nobody would renew the leases any more.
    """

    def __init__(
        self,
        board: Board,
        heartbeat: Heartbeat,
        member: Membership,
        describe: Callable[[], WorkerInfo],
        obey: Callable[[bool], object],
        died: Callable[[], object],
        *,
        lease: float,
        progress_interval: float,
    ) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.board = board
        self.heartbeat = heartbeat
        self.member = member
        self.describe = describe
        self.obey = obey
        self.died = died
        self.lease = lease
        self.interval = min(lease / 4, 5.0)
        self.tick = min(progress_interval, self.interval)
        self._stopping = threading.Event()
        self._heard = False
        self._announced = ""
        self._next_announcement = 0.0
        self._next_machine = 0.0

    def run(self) -> None:
        """Thread body."""
        try:
            self._beat_on()
        finally:
            if not self._stopping.is_set():
                log.critical("the heartbeat has ended; stopping the work")
                self.board.lose(self.board.claims())
                self.died()

    def _beat_on(self) -> None:
        started = next_full = time.monotonic()
        while True:
            now = time.monotonic()
            everything = now >= next_full
            if everything:
                next_full = now + self.interval
            try:
                self._renew(everything=everything)
                self._announce(now, started)
            except Exception:  # a heartbeat that dies would leave the work running without anybody's knowledge
                log.exception("heartbeat failed unexpectedly")
            if self._stopping.wait(self.tick):
                return

    def stop(self) -> None:
        """End the thread and leave the fleet."""
        self._stopping.set()
        self.join(timeout=5.0)
        try:
            self.member.withdraw(self.describe())
        except (*AWAY, WorkerRefusedError) as error:
            log.warning("fleet entry left to expire", error=str(error))

    def _renew(self, *, everything: bool) -> None:
        try:
            beats = self.board.beats(everything=everything)
            if beats:
                self._beat(beats)
        finally:
            late = self.board.overdue(time.monotonic() - self.lease * 0.9)
            if late:
                log.error("leases not renewed", steps=_names(late))
                self.board.lose(late)

    def _beat(self, beats: list[Beat]) -> None:
        begun = time.monotonic()
        try:
            lost = self._sent(beats)
        except AWAY as error:
            log.warning("heartbeat failed", error=str(error), claims=len(beats))
            self.board.unsent(beats)
            return
        except WorkerRefusedError as error:
            log.warning("worker refused", reason=str(error))
            self.board.lose(self.board.claims())
            return
        gone = [beat.claim for beat in beats if beat.claim.ticket.id in lost]
        self.board.renewed([beat for beat in beats if beat.claim.ticket.id not in lost], begun)
        if gone:
            log.warning("claims lost", steps=_names(gone))
            self.board.lose(gone)

    def _sent(self, beats: list[Beat]) -> set[str]:
        try:
            return self.heartbeat.beat(beats)
        except (*AWAY, WorkerRefusedError):
            raise
        except Exception:  # whatever is wrong with some claim's news, no lease may end of it
            log.exception("news of steps not sent")
            return self.heartbeat.beat([Beat(beat.claim) for beat in beats])

    def _announce(self, now: float, started: float) -> None:
        info = self.describe()
        if now < self._next_announcement and info.status == self._announced:
            return
        try:
            paused = self.member.announce(info)
            if paused is not None or not self._heard:
                self._heard = True
                self.obey(bool(paused))
            if now >= self._next_machine:
                self.member.announce_machine(info, int((now - started) * 1000))
                self._next_machine = now + MACHINE_INTERVAL
        except (*AWAY, WorkerRefusedError) as error:
            log.warning("worker not announced", error=str(error))
            return
        self._announced = info.status
        self._next_announcement = now + ANNOUNCE_INTERVAL


def _names(claims: list[Claim]) -> list[str]:
    return sorted(claim.ticket.id for claim in claims)
