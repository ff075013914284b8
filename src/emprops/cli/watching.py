"""Following one job in a terminal: how far it is, and what it waits for."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from emprops.cli.client import NoAnswerError, Server
from emprops.cli.output import clean, say
from emprops.cli.times import at, parsed

LOOK_AFTER = 2.0
"""Seconds without news after which it is asked what a job waits for."""
ATTEMPTS = 5
"""How often a stream that breaks off is opened again before giving up watching (the job goes on regardless)."""
PAUSE = 0.5
"""Seconds before the first of these; each further one waits twice as long."""

SHORT = 40
"""Characters of a reason that fit into a bar's line."""


def _nothing(*_: object) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Display:
    """Shows how a job does."""

    happened: Callable[[str], None] = _nothing
    waits: Callable[[str], None] = _nothing
    progress: Callable[[float], None] = _nothing


@dataclass
class Watch:
    """One job that is followed. What it waits for is asked for only when its stream has been silent for a while, and
    not again before there are news unless it does wait: a step that runs is left alone."""

    api: Server
    job_id: str
    display: Display
    news: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> dict[str, Any]:
        """Return the job as it ended. Raises :class:`NoAnswerError` when there is nothing more to be heard of it."""
        asking = threading.Thread(target=self._ask_why_it_waits, daemon=True)
        self.news.set()
        asking.start()
        try:
            return self._listen()
        finally:
            self.ended.set()
            self.news.set()

    def _listen(self) -> dict[str, Any]:
        failures = 0
        while failures < ATTEMPTS:
            try:
                with self.api.events(f"/api/jobs/{self.job_id}/stream") as events:
                    for name, data in events:
                        failures = 0
                        if name == "history_init" and data:
                            self.display.happened(clean(data[-1]["message"]))
                        elif name == "job_history":
                            self.news.set()
                            self.display.happened(clean(data["message"]))
                        elif name == "job_update":
                            self.display.progress(data["progress"] or 0)
                            if data["status"] in {"completed", "failed"}:
                                return dict(data)
            except (httpx2.HTTPError, ValueError):
                pass  # it broke off, and the next attempt says whether the api is away
            time.sleep(PAUSE * 2**failures)
            failures += 1
        raise NoAnswerError(
            f"The stream of job {self.job_id} broke off; the job goes on: `emprops jobs show {self.job_id}` shows it."
        )

    def _ask_why_it_waits(self) -> None:
        while self.news.wait() and not self.ended.is_set():
            self.news.clear()
            if self.ended.wait(LOOK_AFTER):
                return
            if self.news.is_set():
                continue
            try:
                job = self.api.ask("GET", f"/api/jobs/{self.job_id}")
            except NoAnswerError:
                job = {"status": "pending"}
            reason = why_it_waits(job)
            if self.ended.is_set():
                return
            if reason:
                self.display.waits(reason)
            if reason or job["status"] == "pending":
                self.news.set()


def why_it_waits(job: dict[str, Any]) -> str:
    """Return in a few words what a job waits for; empty if it does not wait."""
    place = job.get("queue")
    if not place:
        return ""
    if place.get("retry_at"):
        return f"failed, and is tried again at {at(parsed(place['retry_at']))}"
    lacking = place.get("blocked_by")
    if lacking:
        return clean(f"no live worker can run it: {', '.join(map(str, lacking))}")
    if not place.get("position"):
        return "in the queue"
    before = []
    if turns := place.get("turns"):
        before.append("1 user's turn before yours" if turns == 1 else f"{turns} users' turns before yours")
    if place.get("own_before"):
        before.append(f"{place['own_before']} of your own steps before it")
    return f"place {place['position']} in the queue" + (f" ({', '.join(before)})" if before else "")


@contextmanager
def bar() -> Iterator[Display]:
    """Show a job as a bar on stderr, which is gone when it has ended."""
    from rich.console import Console  # noqa: PLC0415 - takes longer to import than the rest of a command
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    text = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True))
    parts = (text, BarColumn(20), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True, expand=True) as progress:
        task = progress.add_task("sent", total=100)

        def tell(text: str) -> None:
            progress.update(task, description=text)

        def waits(reason: str) -> None:
            if len(reason) > SHORT and progress.tasks[0].description != reason:
                progress.console.print(reason, markup=False, highlight=False)  # the bar's line has no room for it
            tell(reason)

        yield Display(tell, waits, lambda percent: progress.update(task, completed=percent))


@contextmanager
def lines(job_id: str) -> Iterator[Display]:
    """Say on stderr what a job waits for, once for each reason: for logs."""
    said: list[str] = []

    def tell(reason: str) -> None:
        if reason not in said[-1:]:
            said.append(reason)
            say(f"Job {job_id} waits: {reason}")

    yield Display(waits=tell)


@contextmanager
def silence() -> Iterator[Display]:
    """Show nothing."""
    yield Display()
