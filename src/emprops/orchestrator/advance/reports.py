"""The orchestrator: read reports in batches, move jobs, send what became ready, tell listeners, acknowledge.

Any number of these run side by side. Two batches that touch one job wait for each other at its row lock; a batch that
was committed but not acknowledged is read again by somebody and changes nothing.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.credits import service as credit
from emprops.jobs import dispatch_store
from emprops.jobs import store as jobs
from emprops.jobs.results import StepOutput, result_of
from emprops.kit.chunks import chunks
from emprops.kit.database import Database, Transaction
from emprops.kit.database_errors import UNAVAILABLE, is_about_values, is_contention, is_outage
from emprops.kit.telemetry import tracing
from emprops.kit.telemetry.logging import bound
from emprops.media import file_store as media
from emprops.orchestrator.advance.batches import Batches
from emprops.orchestrator.advance.effects import Effects, trace
from emprops.orchestrator.advance.fold import Folded, fold, held_back, look
from emprops.orchestrator.finish import LockedOutputs, complete_jobs, fail_job
from emprops.orchestrator.metrics import IGNORED, count_reports
from emprops.orchestrator.policing import check_step
from emprops.orchestrator.tickets import Dispatcher
from emprops.outputs import job_results as outputs
from emprops.policies import queries as policies
from emprops.policies.rules import PolicyLimitError
from emprops.queue.messages import Report, StoredFile
from emprops.queue.reports import ReportStream
from emprops.settings import Settings
from emprops.workflows.references import (
    StepResult,
    TextTooLongError,
    UnresolvedReferenceError,
    resolve_references,
)

log = structlog.get_logger(__name__)

CHUNK = 500
"""Reports per transaction."""


class Orchestrator:
    """One consumer of the report stream."""

    def __init__(
        self, *, database: Database, redis: Redis, dispatcher: Dispatcher, settings: Settings, consumer: str
    ) -> None:
        self.database = database
        self.dispatcher = dispatcher
        self.settings = settings
        self.stream = ReportStream(redis, prefix=settings.queue_prefix, consumer=consumer)

    async def run(self) -> None:
        """Process reports until cancelled. Outages are waited out; nothing is acknowledged before its commit."""
        batches = Batches()
        while True:
            try:
                reports = await self.stream.read(block=batches.wait(time.monotonic()))
            except RedisError as error:
                log.warning("orchestrator waiting", error=str(error))
                await asyncio.sleep(0.5)
            else:
                await self._until_processed(batches.due(reports, time.monotonic()))

    async def _until_processed(self, reports: Sequence[Report]) -> None:
        """Stay with a batch through an outage: others would take it over only after half a minute."""
        pause = 0.1
        while True:
            try:
                await self.process(reports)
            except (RedisError, *UNAVAILABLE) as error:
                log.warning("orchestrator waiting", error=str(error), reports=len(reports))
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 2)
            except Exception:
                log.exception("reports not processed", reports=len(reports))
                await asyncio.sleep(1.0)
                return
            else:
                return

    async def take_over(self, *, idle: float = 30.0) -> int:
        """Process what another consumer, or this one, read and did not finish. Returns how many reports."""
        reports = await self.stream.take_over(idle=idle)
        await self.process(reports)
        return len(reports)

    async def process(self, reports: Sequence[Report]) -> None:
        """Apply reports and acknowledge them, except those that cannot be recorded yet: they are taken over."""
        left = {report.entry_id for report in await self.apply(reports)}
        await self.stream.acknowledge([report for report in reports if report.entry_id not in left])

    async def apply(self, reports: Sequence[Report]) -> list[Report]:
        """Apply reports, wherever they come from. Returns those that the database would not take just now."""
        left: list[Report] = []
        for chunk in chunks(reports, CHUNK):
            try:
                await self._apply(_by_job(chunk))
            except Exception as error:
                if is_outage(error) and not is_contention(error):
                    raise
                log.exception("batch of reports refused", reports=len(chunk))
                left += await self._one_by_one(chunk)
        return left

    async def _one_by_one(self, reports: Sequence[Report]) -> list[Report]:
        left: list[Report] = []
        for job_id, group in _by_job(reports).items():
            with bound(job_id=str(job_id)):
                if not await self._alone(job_id, group):
                    left += group
        return left

    async def _alone(self, job_id: UUID, reports: list[Report]) -> bool:
        """Apply the reports of one job. False: they are to be tried again, whatever time that takes."""
        try:
            await self._apply({job_id: reports})
        except Exception as error:
            if is_outage(error) and not is_contention(error):
                raise
            if isinstance(error, psycopg.Error) and not is_about_values(error):
                log.warning("reports of a job postponed", error=f"{type(error).__name__}: {error}")
                return False
            log.exception("job failed by unrecordable reports")
            where = f"the operator finds the reason in the api's log under {job_id}"
            await self.fail(job_id, f"The result could not be recorded; {where}.")
        return True

    async def resume(self, job_ids: Sequence[UUID]) -> None:
        """Draw from the steps of open jobs, as they stand, what should have followed: next steps, or the end."""
        await self._apply({job_id: [] for job_id in job_ids})

    async def fail(self, job_id: UUID, message: str) -> None:
        """Fail a job from inside, with everything that follows from it."""
        async with self.database.transaction() as tx:
            await jobs.lock_jobs(tx, [job_id])
            closed = await fail_job(tx, job_id, message=message)
            self.dispatcher.after_commit(tx, [job_id], closed=closed or [])

    async def _apply(self, by_job: Mapping[UUID, list[Report]]) -> None:
        effects = Effects()
        began = time.monotonic()
        async with self.database.transaction(by_key=True) as tx:
            await self._move(tx, by_job, effects)
        IGNORED.inc(effects.ignored)
        count_reports(effects.applied)
        if tracing.enabled():
            trace(effects, time.monotonic() - began)
        if effects.ignored:
            log.debug("reports ignored", count=effects.ignored)

    async def _move(self, tx: Transaction, by_job: Mapping[UUID, list[Report]], effects: Effects) -> None:
        keys = [file.key for reports in by_job.values() for report in reports for file in _files_of(report)]
        may_end = [
            job_id for job_id, reports in by_job.items() if not reports or any(r.kind == "completed" for r in reports)
        ]
        # one after the other in PostgreSQL: what belongs to the jobs is looked at once they are locked
        locked, present, slots, shown = await tx.together(
            jobs.lock_jobs(tx, by_job),
            jobs.current_steps(tx, by_job),
            media.slots_for(tx, keys),
            outputs.lock_for_jobs(tx, may_end),
        )
        steps: dict[UUID, list[jobs.StepState]] = defaultdict(list)
        for step in present:
            steps[step.job_id].append(step)
        folds = [_folded(job, steps[job_id], by_job[job_id]) for job_id, job in locked.items()]
        effects.ignored = sum(folded.ignored for folded in folds)
        effects.applied = [one for folded in folds for one in folded.applied]
        active = [folded for folded in folds if folded.changed or folded.overlooked]
        effects.touched = {folded.job.id for folded in active}
        ending = [f.job for f in active if f.failed is not None or f.all_done or f.newly_ready()]
        await credit.lock_accounts(tx, [job.id for job in ending if job.held])
        rows = await self._record_results(tx, active, slots)
        await self._save(tx, active)
        await self._settle(tx, active, rows, shown, effects)
        await self._make_ready(tx, [f for f in active if f.failed is None and not f.all_done], effects)
        going_on = [f.job.id for f in active if f.goes_on and f.job.id not in effects.ended]
        self.dispatcher.after_commit(tx, effects.touched, ready=effects.ready, closed=effects.closed, going_on=going_on)

    async def _record_results(
        self, tx: Transaction, folds: Sequence[Folded], slots: Mapping[str, media.FileSlot]
    ) -> dict[UUID, list[media.FileRow]]:
        completed = [(folded, step) for folded in folds for step in folded.steps if step.id in folded.files]
        stored = [
            media.StepFiles(folded.job.user_id, folded.job.id, step.id, folded.files[step.id])
            for folded, step in completed
        ]
        rows = await media.record_files(tx, self.settings, stored, slots)
        for folded, step in completed:
            step.output_data = StepOutput.of(rows[step.id], folded.data[step.id]).to_json()
        return rows

    async def _save(self, tx: Transaction, folds: Sequence[Folded]) -> None:
        steps = [step for folded in folds for step in folded.changed]
        moves = [jobs.Move(f.job.id, "processing", f.progress, f.current_step) for f in folds if f.moves]
        await jobs.save(tx, steps, moves, [entry for folded in folds for entry in folded.history])
        began = [folded.job.id for folded in folds if folded.job.status == "pending" and not folded.completes]
        if began:
            await outputs.processing_for_jobs(tx, began)

    async def _settle(
        self,
        tx: Transaction,
        folds: Sequence[Folded],
        rows: dict[UUID, list[media.FileRow]],
        shown: LockedOutputs,
        effects: Effects,
    ) -> None:
        for folded in folds:
            if folded.failed is not None:
                await _fail(tx, folded.job.id, folded.failed.error_message or "failed", effects)
            elif not folded.steps:
                await _fail(tx, folded.job.id, "The job has no steps to run.", effects)
        done = [folded for folded in folds if folded.steps and folded.failed is None and folded.all_done]
        missing = [step.id for folded in done for step in folded.steps if step.is_result and step.id not in rows]
        rows.update(await media.files_of_steps(tx, self.settings, missing))
        for job_id in await complete_jobs(tx, [(folded.job, folded.steps) for folded in done], rows, shown):
            effects.ended[job_id] = "completed"

    async def _make_ready(self, tx: Transaction, folds: Sequence[Folded], effects: Effects) -> None:
        ready = {step.id: (step, folded) for folded in folds for step in folded.newly_ready()}
        if not ready:
            return
        payloads = await jobs.templates(tx, list(ready))
        rules = await policies.rules(tx)
        inputs: dict[UUID, dict[str, Any]] = {}
        for step_id, (step, folded) in ready.items():
            try:
                resolved = resolve_references(payloads[step_id], _results(folded.steps))
                check_step(rules, step.step_name, step.step_type, resolved)
                inputs[step_id] = resolved
            except (UnresolvedReferenceError, TextTooLongError, PolicyLimitError) as error:
                await _fail(tx, folded.job.id, f"{step.step_name} was not started: {error}", effects)
        await jobs.set_inputs(tx, inputs, held_back(folds))
        effects.ready += await dispatch_store.ready_steps(tx, list(inputs))


async def _fail(tx: Transaction, job_id: UUID, message: str, effects: Effects) -> None:
    effects.ended[job_id] = "failed"
    effects.closed += await fail_job(tx, job_id, message=message) or []


def _by_job(reports: Sequence[Report]) -> dict[UUID, list[Report]]:
    groups: dict[UUID, list[Report]] = defaultdict(list)
    for report in reports:
        groups[UUID(report.job_id)].append(report)
    return groups


def _files_of(report: Report) -> Sequence[StoredFile]:
    return report.finished.files if report.finished else ()


def _folded(job: jobs.LockedJob, steps: list[jobs.StepState], reports: list[Report]) -> Folded:
    return fold(job, steps, reports) if reports else look(job, steps)  # nothing was reported: see ``resume``


def _results(steps: Sequence[jobs.StepState]) -> dict[str, StepResult]:
    return {str(step.id): result_of(step.output_data, step.step_name) for step in steps if step.status == "completed"}
