"""From a ready step in PostgreSQL to a ticket in Redis, and the note that it has arrived."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

import psycopg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.auth.file_links import FileLinks
from emprops.jobs import dispatch_store, held_store
from emprops.jobs.ends import Ends
from emprops.kit.database import Database, Transaction
from emprops.kit.pubsub import Pokes, poke
from emprops.kit.telemetry import tracing
from emprops.media.result_links import ResultLinks
from emprops.orchestrator.admission import admit
from emprops.orchestrator.files import with_files
from emprops.orchestrator.metrics import TICKETS_SENT
from emprops.orchestrator.result_inputs import with_results
from emprops.queue.dispatch import Queue
from emprops.queue.keys import ENDED, JOBS_CHANGED
from emprops.queue.messages import Limits, Requirements, Ticket, WorkflowContext
from emprops.quotas.limits import defaults_from
from emprops.settings import Settings

log = structlog.get_logger(__name__)

BATCH = 1000
CLOSED = "the step was closed"
"""Why a ticket is taken out of the queue."""


def limits_from(settings: Settings) -> Limits:
    """The limits every ticket carries."""
    return Limits(
        max_failures=settings.max_failures,
        max_lost_claims=settings.max_lost_claims,
        max_run_time=settings.max_run_time,
    )


def queue_from(redis: Redis, settings: Settings) -> Queue:
    """The queue as the settings have it."""
    return Queue(
        redis,
        prefix=settings.queue_prefix,
        attestation_days=settings.attestation_days,
        affinity_wait=settings.affinity_wait,
    )


def ticket_of(step: dispatch_store.ReadyStep, limits: Limits, sending: tracing.Begun | None = None) -> Ticket:
    """Make the ticket of a ready step. ``sending`` is the span of sending it."""
    return Ticket(
        id=str(step.id),
        job_type=step.step_type,
        payload=step.input_data,
        requirements=Requirements.from_json(step.requirements),
        workflow_context=WorkflowContext(
            workflow_id=str(step.job_id),
            workflow_priority=step.priority,
            workflow_datetime=int(step.job_created_at.timestamp() * 1000),
            total_steps=step.total_steps,
            current_step=step.step_order,
        ),
        run=step.run,
        attempts_before=step.attempt,
        limits=limits,
        trace=sending.traceparent if sending else step.trace or "",
        user=str(step.user_id),
        weight=step.weight,
    )


class Dispatcher:
    """Sends Redis what was committed. What several requests have to send at one moment leaves in one call.

    Nothing depends on it: ``rescue`` finds tickets that it could not send or withdraw, and streams look again by
    themselves.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        settings: Settings,
        *,
        here: Pokes | None = None,
        ends: Ends | None = None,
    ) -> None:
        """``here`` and ``ends``: the pokes of this process and what waits for ends in it, which need not wait for
        Redis."""
        self.database = database
        self.queue = queue
        self.settings = settings
        self.limits = limits_from(settings)
        self.quotas = defaults_from(settings)
        self.here = here
        self.ends = ends
        self.links = FileLinks(settings)
        self.results = ResultLinks(settings, self.links)
        self._waiting: list[dispatch_store.ReadyStep] = []
        self._closed: list[dispatch_store.ClosedStep] = []
        self._touched: set[UUID] = set()
        self._ended: set[UUID] = set()
        self._freed: set[UUID] = set()
        self._news = asyncio.Event()

    def push(self, steps: Sequence[dispatch_store.ReadyStep]) -> None:
        """Send the tickets of these steps soon. Does not block and does not fail."""
        self._waiting += steps
        self._news.set()

    def withdraw(self, steps: Sequence[dispatch_store.ClosedStep]) -> None:
        """Take the tickets of these steps out of the queue soon. Does not block and does not fail."""
        self._closed += steps
        self._news.set()

    def tell(self, job_ids: Collection[UUID], ended: Collection[UUID] = ()) -> None:
        """Wake the streams of jobs soon; ``ended``: also who waits for the end of these. Does not block and does not
        fail."""
        self._touched.update(job_ids)
        self._ended.update(ended)
        self._news.set()
        if self.here:
            self.here.deliver(_ends(ended))

    def after_commit(
        self,
        tx: Transaction,
        job_ids: Collection[UUID],
        *,
        ready: Sequence[dispatch_store.ReadyStep] = (),
        closed: Sequence[dispatch_store.ClosedStep] = (),
        going_on: Collection[UUID] = (),
    ) -> None:
        """Once this transaction has committed, tell Redis what changed of these jobs: tickets and news. ``going_on``:
        those of them that have not ended, and of which no step has.

        Every change of a job calls this, and nothing else tells Redis of one.
        """
        ended = set(job_ids).difference(going_on)
        freed: list[UUID] = []

        async def look() -> None:
            freed.extend(await held_store.users_of_jobs(tx, ended))

        def tell() -> None:
            self.withdraw(closed)
            self.push(ready)
            self._freed.update(freed)
            self.tell(job_ids, ended)

        tx.after_commit(tell)
        if ended:
            tx.with_commit(look)
            if self.ends is not None:
                self.ends.look_with_commit(tx, ended)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what is waiting to be sent. Outages are logged."""
        closed, self._closed = self._closed, []
        touched, self._touched = self._touched, set()
        ended, self._ended = self._ended, set()
        freed, self._freed = self._freed, set()
        try:
            await self.queue.cancel([(str(step.id), step.run) for step in closed], CLOSED)
        except RedisError as error:
            log.warning("redis not told of a change", error=str(error), closed=len(closed))
        await self._send_waiting()
        if touched:
            await self._poke(touched, ended)
        if freed:
            await self._admit(freed)

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                await self.send(batch)
            except (RedisError, psycopg.Error) as error:
                log.warning("tickets not sent", count=len(batch), error=str(error))

    async def _admit(self, user_ids: set[UUID]) -> None:
        """Send what quotas of these users held back until something of theirs ended."""
        try:
            for user_id in user_ids:
                await self.admit(user_id)
        except psycopg.Error as error:
            log.warning("held back steps not sent", error=str(error))
        await self._send_waiting()

    async def admit(self, user_id: UUID) -> int:
        """Let those of a user's steps that were held back go to the queue, for which there is room now. Returns how
        many. Raises engine errors."""
        async with self.database.transaction() as tx:
            ready = await admit(tx, user_id, self.quotas)
            tx.after_commit(lambda: self.push(ready))
        return len(ready)

    async def _poke(self, touched: set[UUID], ended: set[UUID]) -> None:
        """Wake listeners; last, because workers are waiting too."""
        topics = [*map(str, touched), *_ends(ended)]
        try:
            await poke(self.queue.redis, self.queue.prefix + JOBS_CHANGED, topics)
        except RedisError as error:
            log.warning("redis not told of a change", error=str(error), jobs=len(touched))

    async def send(self, steps: Sequence[dispatch_store.ReadyStep]) -> None:
        """Put the tickets of these steps into Redis, then note that they are there. Raises engine errors."""
        if not steps:
            return
        steps = await with_results(self.database, self.results, steps)
        steps = await with_files(self.database, self.settings, self.links, steps)
        spans = [tracing.begin("enqueue", _about(step), parent=step.trace or "", kind="producer") for step in steps]
        tickets = [ticket_of(step, self.limits, span) for step, span in zip(steps, spans, strict=True)]
        for answer, count in Counter(await self.queue.enqueue(tickets)).items():
            TICKETS_SENT.labels(answer).inc(count)
        for span in filter(None, spans):
            span.end()
        async with self.database.reader() as connection:
            await dispatch_store.mark_queued(connection, [step.id for step in steps])


def _ends(job_ids: Collection[UUID]) -> list[str]:
    return [f"{ENDED}:{job_id}" for job_id in job_ids]


def _about(step: dispatch_store.ReadyStep) -> tracing.Attributes:
    return {"emprops.job_id": str(step.job_id), "emprops.step_id": str(step.id), "emprops.job_type": step.step_type}
