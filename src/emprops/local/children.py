"""What ``emprops up`` keeps running: own processes and embedded engines that start again when they end."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emprops.local.errors import LocalError
from emprops.local.postgres import Postgres
from emprops.local.process import spawn, stop
from emprops.local.redis import RedisServer

Say = Callable[[str], None]
CHILDREN_STOP = 6.0
"""Seconds that api and worker have, together, to end; the engines need well under the 4 that then remain of 10."""
WORKER_GRACE = 2.0
"""Seconds of these that running steps have to finish; the rest is for stopping them at their service and handing them
back. A worker that was killed instead would leave its work behind, and the step would count as lost."""
LONGEST_BACKOFF = 30.0
STEADY = 60.0
"""Seconds; what ran this long starts again at once when it ends."""


@dataclass
class Backoff:
    """When something that ended may start again: at once after a long life, else after 1, 2, 4 … 30 seconds."""

    failures: int = 0
    due: float = 0.0

    def ended(self, started: float) -> float:
        """Take note of an end; returns the seconds until the next start."""
        now = time.monotonic()
        self.failures = 0 if now - started > STEADY else self.failures + 1
        delay = 0.0 if not self.failures else min(2.0 ** min(self.failures - 1, 10), LONGEST_BACKOFF)
        self.due = now + delay
        return delay

    def over(self) -> bool:
        """Return whether it may start."""
        return time.monotonic() >= self.due


class Child:
    """A process of the installation: the api or the worker."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        self.name, self.command, self.log, self.env = name, command, log, env
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.backoff = Backoff()

    def start(self) -> None:
        """Start it. The leash kills it: when this process was killed, the engines it talks to are gone as well."""
        self.started = time.monotonic()
        self.process = spawn(
            self.command, folder=Path.cwd(), log=self.log, env=self.env, on_parent_death=signal.SIGKILL
        )

    def tend(self, say: Say) -> None:
        """Notice its end, and start it again when its back-off is over."""
        if self.process is None:
            if self.backoff.over():
                self.start()
        elif self.process.poll() is not None:
            code, self.process = self.process.returncode, None
            delay = self.backoff.ended(self.started)
            say(f"The {self.name} ended with code {code}; it starts again in {delay:g} s. Its log: {self.log}")


class Engine:
    """An embedded server. It comes back under the same URL, so nobody has to be told."""

    def __init__(self, name: str, server: Postgres | RedisServer, start: Callable[[], Postgres | RedisServer]) -> None:
        self.name, self.server, self._start = name, server, start
        self.started = time.monotonic()
        self.backoff = Backoff()

    def tend(self, say: Say) -> None:
        """Notice its end, and start it again when its back-off is over."""
        if self.server.process.poll() is None or not self.backoff.over():
            return
        delay = self.backoff.ended(self.started)
        self.started = time.monotonic()
        say(f"{self.name} ended with code {self.server.process.returncode}; starting it again. Log: {self.server.log}")
        try:
            self.server = self._start()
        except LocalError as error:
            say(f"{error}. The next try is in {delay:g} s.")
        self.tell(say)

    def tell(self, say: Say) -> None:
        """Say what is worth knowing about the last start."""
        if isinstance(self.server, RedisServer) and (note := self.server.note()):
            say(note)

    def stop(self) -> None:
        """Shut it down within 2 seconds."""
        self.server.stop(timeout=2.0)


def stop_children(children: Sequence[Child]) -> None:
    """Ask all to end at once, and end those that have not after ``CHILDREN_STOP`` seconds."""
    processes = [child.process for child in children if child.process]
    for process in processes:
        process.send_signal(signal.SIGTERM)
    give_up = time.monotonic() + CHILDREN_STOP
    for process in processes:
        stop(process, timeout=max(0.0, give_up - time.monotonic()))
