"""Compare what PostgreSQL has not heard of for long with what Redis attests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from emprops.jobs import dispatch_store, stale_store
from emprops.jobs import store as jobs
from emprops.jobs.stale_store import StaleStep
from emprops.orchestrator.advance.reports import Orchestrator
from emprops.orchestrator.repair.remedy import UNKNOWN_AFTER, Remedy, remedy
from emprops.queue.messages import Report

log = structlog.get_logger(__name__)

BATCH = 500


@dataclass(slots=True)
class Reconciled:
    """What one reconciliation found and did."""

    checked: int = 0
    """Stale steps that Redis was asked about."""
    completed: int = 0
    """Steps whose success was found in Redis."""
    failed: int = 0
    """Steps whose failure was found in Redis, or that Redis does not know any more."""
    alive: int = 0
    """Steps that Redis still has."""
    sent_again: int = 0
    """Steps that Redis did not know."""
    resumed: int = 0
    """Open jobs with nothing on its way, which were moved on or failed."""

    @property
    def changed(self) -> int:
        """How much was done beyond noting that steps are alive."""
        return self.completed + self.failed + self.sent_again + self.resumed


async def reconcile_stale_steps(
    orchestrator: Orchestrator, *, stale_after: float | None = None, unknown_after: float = UNKNOWN_AFTER
) -> Reconciled:
    """Find steps without news for ``stale_after`` seconds (``Settings.stale_after`` unless told), and apply what Redis
    says about each; then move on open jobs that have nothing on its way.

    Any number of processes may do this at once, next to everything else: no write is made about a step or job that has
    changed since it was read. Raises engine errors; calling it again goes on.
    """
    stale_after = orchestrator.settings.stale_after if stale_after is None else stale_after
    done = Reconciled()
    last: StaleStep | None = None
    while True:
        async with orchestrator.database.reader() as reader:
            steps = await stale_store.stale_steps(reader, stale_after=stale_after, limit=BATCH, after=last)
        await _reconcile(orchestrator, steps, unknown_after, done)
        if len(steps) < BATCH:
            break
        last = steps[-1]
    await _resume(orchestrator, stale_after, done)
    if done.changed:
        log.warning("stale steps reconciled", **{name: getattr(done, name) for name in done.__slots__})
    return done


async def reconcile_duty(orchestrator: Orchestrator) -> int:
    """As a line of the timetable."""
    return (await reconcile_stale_steps(orchestrator)).changed


async def _reconcile(
    orchestrator: Orchestrator, steps: Sequence[StaleStep], unknown_after: float, done: Reconciled
) -> None:
    if not steps:
        return
    queue = orchestrator.dispatcher.queue
    # in this order: what ends in between has no ticket any more, but its attestation is there
    tickets = await queue.ticket_states([str(step.id) for step in steps])
    attestations = await asyncio.gather(*(queue.attestation(str(step.id), step.run) for step in steps))
    reports: list[Report] = []
    alive: list[StaleStep] = []
    lost: list[StaleStep] = []
    for step, ticket, attestation in zip(steps, tickets, attestations, strict=True):
        what = remedy(step, ticket=ticket, attestation=attestation, unknown_after=unknown_after)
        if isinstance(what, Report):
            reports.append(what)
        else:
            (alive if what is Remedy.TOUCH else lost).append(step)
    await orchestrator.apply(reports)
    async with orchestrator.database.reader() as connection:
        await stale_store.touch(connection, alive)
    done.checked += len(steps)
    done.completed += sum(report.kind == "completed" for report in reports)
    done.failed += sum(report.kind == "failed" for report in reports)
    done.alive += len(alive)
    done.sent_again += await _send_again(orchestrator, lost)


async def _send_again(orchestrator: Orchestrator, lost: Sequence[StaleStep]) -> int:
    if not lost:
        return 0
    async with orchestrator.database.transaction() as tx:
        await jobs.lock_jobs(tx, {step.job_id for step in lost})
        taken = set(await stale_store.take_back(tx, lost))
        ready = await dispatch_store.ready_steps(tx, list(taken))
        await jobs.add_history(
            tx,
            [
                jobs.HistoryEntry(
                    step.job_id, "processing", f"Node {step.step_name} was lost by the queue and is sent again", step.id
                )
                for step in lost
                if step.id in taken
            ],
        )
    await orchestrator.dispatcher.send(ready)
    return len(ready)


async def _resume(orchestrator: Orchestrator, stale_after: float, done: Reconciled) -> None:
    async with orchestrator.database.reader() as reader:
        stalled = await stale_store.stalled_jobs(reader, stale_after=stale_after, limit=BATCH)
    await orchestrator.resume(stalled)
    done.resumed += len(stalled)
