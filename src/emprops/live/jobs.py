"""What happens to jobs, for all connections of this process: one task looks, when a poke says so and from time to time.

Each look is one statement for many jobs. What it shows is compared with what was known (``changes.py``), and the
difference goes to those who listen. Questions of connections (snapshots, subscriptions) are answered from a look too,
between two rounds of news: a client that asks gets the current state, and then exactly what changed since.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import orjson

from emprops.auth.caller import may_touch
from emprops.errors import NotFoundError, UnavailableError
from emprops.jobs.queries import as_json
from emprops.kit.chunks import chunks
from emprops.kit.database import Database, Transaction
from emprops.kit.looking import look_for_ever, news_or_time
from emprops.kit.pubsub import Pokes
from emprops.live import store
from emprops.live.audience import Audience, Listener
from emprops.live.changes import Known, changes, named, remember, steps_of, summary
from emprops.live.fleet import FleetNews
from emprops.live.messages import News, answer, failed
from emprops.live.store import SeenJob
from emprops.media.result_links import ResultLinks

PAUSE: Final = 0.05
"""Seconds between two rounds; what happens meanwhile is looked at together."""
CHUNK: Final = 200
"""Jobs per statement."""
AT_ONCE: Final = 50
"""Jobs compared before others get their turn: about 3 ms."""
MAX_KNOWN: Final = 10_000
"""Jobs remembered for monitors; one that was forgotten is told of as it is when it changes next."""
MAX_TEXTS: Final = 2_000
SNAPSHOT_OPEN: Final = 500
"""Most jobs in a monitor's snapshot: open ones, those that changed last."""
SNAPSHOT_OWN: Final = 50
"""Most jobs in a client's snapshot: its user's newest."""
OVERLAP: Final = 60.0
"""How far back the slow poll looks, beyond its interval: commits become visible after the time they carry."""


@dataclass(slots=True)
class Question:
    """What a connection wants to know."""

    listener: Listener
    about: Literal["snapshot", "subscription", "status"]
    job_id: UUID | None = None
    reply_to: str | None = None
    job_ids: list[UUID] = field(default_factory=list)
    """The jobs that the answer shows."""


class JobNews:
    """The task's state. Nothing in it outlasts a restart of the task but who listens."""

    def __init__(
        self,
        *,
        database: Database,
        pokes: Pokes,
        audience: Audience,
        fleet: FleetNews,
        results: ResultLinks,
        poll: float,
    ) -> None:
        self._database = database
        self._pokes = pokes
        self._audience = audience
        self._fleet = fleet
        self._results = results
        self._poll = poll
        self._known: OrderedDict[UUID, Known] = OrderedDict()
        self._texts: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._since = 0.0
        self._changed: set[UUID] = set()
        self._questions: list[Question] = []
        self._poll_at = 0.0
        self._news = asyncio.Event()

    def ask(self, question: Question) -> None:
        """Have a question answered with the next look. Does not block."""
        self._questions.append(question)
        self._news.set()

    def hear_progress(self, step_id: str, payload: bytes) -> None:
        """Keep what a worker says with its progress; it is shown with the progress once that is committed.

        Raises ``ValueError``, ``TypeError`` or ``KeyError`` if it is not what workers send.
        """
        said = orjson.loads(payload)
        self._texts.pop(step_id, None)
        self._texts[step_id] = {"message": said["message"], "machine_id": said["machine_id"]}
        if len(self._texts) > MAX_TEXTS:
            self._texts.popitem(last=False)

    async def run(self) -> None:
        """Look and tell until cancelled."""
        self._known.clear()
        self._since = 0.0
        with self._pokes.overhear(self._overhear):
            await look_for_ever(self._turn, self._database.outage, pause=PAUSE, failed="live look failed")

    async def _turn(self) -> None:
        await news_or_time(self._news, self._poll_at)
        self._news.clear()
        await self._round()
        self._database.outage.over()

    def _overhear(self, topics: Sequence[str] | None) -> None:
        if topics is None:
            self._poll_at = 0.0
        else:
            wanted = {job_id for job_id in map(UUID, topics) if self._audience.wants(job_id)}
            if not wanted:
                return
            self._changed |= wanted
        self._news.set()

    async def _round(self) -> None:
        """Look once at all that may have changed or was asked for."""
        questions = [question for question in self._questions if not question.listener.gone]
        self._questions = []
        changed, self._changed = self._changed, set()
        try:
            jobs = await self._look(questions, changed)
        except BaseException:
            self._changed |= changed
            self._refuse(questions)
            raise
        for number, job in enumerate(jobs.values()):
            self._compare(job)
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        for question in questions:
            if not question.listener.gone:
                self._answer(question, jobs)

    async def _look(self, questions: Sequence[Question], changed: set[UUID]) -> dict[UUID, SeenJob]:
        async with self._database.reader() as reader:
            for question in questions:
                await self._prepare(reader, question)
            wanted = changed | {job_id for question in questions for job_id in question.job_ids}
            if asyncio.get_running_loop().time() >= self._poll_at:
                wanted |= await self._moved(reader)
            asked = {question.job_id for question in questions if question.job_id is not None}
            whole = [job_id for job_id in wanted if job_id in self._audience.subscribers or job_id in asked]
            found: dict[UUID, SeenJob] = {}
            for chunk in chunks(list(wanted), CHUNK):
                found |= {job.id: named(job, self._results) for job in await store.look(reader, chunk, whole)}
        return found

    async def _prepare(self, reader: Transaction, question: Question) -> None:
        """Find out which jobs an answer shows."""
        if question.job_id is not None:
            question.job_ids = [question.job_id]
        elif question.listener.is_monitor:
            if not self._audience.monitors:  # nobody kept up with what others than subscribers hear
                self._since = (await store.now(reader)).timestamp()
                self._forget()
            question.job_ids = await store.open_jobs(reader, SNAPSHOT_OPEN)
        elif question.listener.caller.user_id is not None:
            question.job_ids = await store.newest_jobs(reader, question.listener.caller.user_id, SNAPSHOT_OWN)

    async def _moved(self, reader: Transaction) -> set[UUID]:
        """The slow poll: find changes of which no poke came."""
        self._forget()
        subscribed = self._audience.subscribers
        known = [job_id for job_id, known in self._known.items() if known.is_open or job_id in subscribed]
        seconds = self._poll + OVERLAP
        others = bool(self._audience.monitors)
        found = await store.moved_jobs(reader, known, seconds=seconds, others=others, limit=MAX_KNOWN)
        self._poll_at = asyncio.get_running_loop().time() + self._poll
        return {job.id for job in found if self._last_change(job.id) != job.updated_at}

    def _last_change(self, job_id: UUID) -> datetime | None:
        known = self._known.get(job_id)
        return None if known is None else known.updated_at

    def _forget(self) -> None:
        """Keep only what somebody hears of."""
        for job_id in [job_id for job_id in self._known if not self._audience.wants(job_id)]:
            del self._known[job_id]

    def _compare(self, job: SeenJob) -> None:
        """Publish what is new about a job."""
        before = self._known.pop(job.id, None)
        if not self._audience.wants(job.id):
            return
        self._audience.publish(job.id, map(self._with_text, changes(before, job, self._since)))
        self._known[job.id] = remember(job)
        while len(self._known) > MAX_KNOWN + len(self._audience.subscribers):
            oldest, known = self._known.popitem(last=False)
            if oldest in self._audience.subscribers:
                self._known[oldest] = known

    def _with_text(self, news: News) -> News:
        said = self._texts.get(str(news.fields["job_id"]))
        if news.kind != "update_job_progress" or said is None:
            return news
        return News(news.kind, {**news.fields, **said}, news.more, news.merge)

    def _answer(self, question: Question, jobs: dict[UUID, SeenJob]) -> None:
        if question.job_id is None:
            self._show_everything(question, jobs)
            return
        listener, job = question.listener, jobs.get(question.job_id)
        if job is None or not may_touch(listener.caller, job.user_id):
            listener.jobs.discard(question.job_id)
            listener.tell(failed(NotFoundError("Job not found"), question.reply_to, job_id=question.job_id))
            return
        shown = {"job_id": job.id, "job": as_json(job), "steps": steps_of(job)}
        if question.about == "status":
            listener.tell(answer("job_status", question.reply_to, **shown))
        elif job.id in listener.jobs:  # else it unsubscribed while this was on its way
            listener.tell(answer("job_subscribed", question.reply_to, **shown))
            self._audience.subscribe(listener, job.id)
            self._known[job.id] = remember(job)

    def _show_everything(self, question: Question, jobs: dict[UUID, SeenJob]) -> None:
        listener = question.listener
        shown = [jobs[job_id] for job_id in question.job_ids if job_id in jobs]
        workers, machines = self._fleet.view() if listener.is_monitor else ([], [])
        limit = SNAPSHOT_OPEN if listener.is_monitor else SNAPSHOT_OWN
        snapshot = {
            "workers": workers,
            "machines": machines,
            "jobs": [{**summary(job), "steps": steps_of(job)} for job in shown],
            "jobs_truncated": len(question.job_ids) >= limit,
        }
        listener.tell(answer("full_state_snapshot", question.reply_to, **snapshot))
        if listener.is_monitor and listener not in self._audience.monitors:
            self._audience.monitors.add(listener)
            for job in shown:
                self._known[job.id] = remember(job)

    def _refuse(self, questions: Iterable[Question]) -> None:
        """Say that there is no answer just now. Snapshots wait: without one a monitor hears nothing."""
        for question in questions:
            if question.job_id is None:
                self._questions.append(question)
                continue
            if question.about == "subscription":
                self._audience.unsubscribe(question.listener, question.job_id)
            error = UnavailableError("The database is not available just now. Try again.")
            question.listener.tell(failed(error, question.reply_to, job_id=question.job_id))
