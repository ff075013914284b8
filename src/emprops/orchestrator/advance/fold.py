"""What a batch of reports does to one job. Pure: states in, states and history out.

The job's row is locked while this is decided and written, so what is decided here is what happens.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from emprops.jobs.states import OPEN, overall_progress
from emprops.jobs.store import HistoryEntry, LockedJob, StepState
from emprops.queue.messages import Finished, Report, StoredFile

NO_RESULT = Finished(failure="final", error="the worker reported success without a result: neither files nor data")


@dataclass(slots=True)
class Folded:
    """The effect of some reports on one job."""

    job: LockedJob
    steps: list[StepState]
    history: list[HistoryEntry] = field(default_factory=list)
    files: dict[UUID, tuple[StoredFile, ...]] = field(default_factory=dict)
    """Files of the steps that completed now."""
    data: dict[UUID, dict[str, object]] = field(default_factory=dict)
    """Result data of the steps that completed now."""
    failed: StepState | None = None
    """The first step that failed for good."""
    ignored: int = 0
    """Reports that came too late or say nothing new."""
    applied: list[tuple[Report, StepState]] = field(default_factory=list)
    """The others."""
    overlooked: bool = False
    """Nothing was reported, and yet something has to follow from the steps as they stand."""

    @property
    def changed(self) -> list[StepState]:
        """Steps to write back."""
        return [step for step in self.steps if step.changed]

    @property
    def all_done(self) -> bool:
        """Whether every step has completed."""
        return all(step.status == "completed" for step in self.steps)

    @property
    def completes(self) -> bool:
        """Whether the job ends with success now: it has steps, and nobody has to judge its results first."""
        return bool(self.steps) and self.failed is None and self.all_done and self.job.moderation is None

    @property
    def moves(self) -> bool:
        """Whether the job is to be advanced. One that completes is written once, as completed, unless nobody has heard
        yet that it started."""
        return self.job.status == "pending" or not self.completes

    @property
    def goes_on(self) -> bool:
        """Whether neither the job nor a step of it has ended now."""
        ended = any(step.status in {"completed", "failed"} for step in self.changed)
        return not ended and not self.overlooked

    @property
    def progress(self) -> float:
        """Overall progress, 0-100."""
        finished = sum(step.status == "completed" for step in self.steps)
        running = sum(step.progress for step in self.steps if step.status == "processing")
        return overall_progress(finished, running, self.job.total_steps)

    @property
    def current_step(self) -> int:
        """The highest step that was started, 1-based; 0 before the first."""
        return max((step.step_order for step in self.steps if step.attempt > 0), default=0)

    def newly_ready(self) -> list[StepState]:
        """Waiting steps whose references have all completed."""
        done = {step.id for step in self.steps if step.status == "completed"}
        return [
            step
            for step in self.steps
            if step.status == "pending" and not step.ready and done.issuperset(step.depends_on)
        ]


def held_back(folds: Iterable[Folded]) -> dict[UUID, UUID]:
    """Return which of the steps that became ready have to wait for room in the queue, and for whose: those for which
    their job has not given up a place. See :mod:`emprops.orchestrator.admission`."""
    return {step.id: folded.job.user_id for folded in folds for step in folded.newly_ready()[len(folded.data) :]}


def fold(job: LockedJob, steps: list[StepState], reports: Iterable[Report]) -> Folded:
    """Apply reports to a job in their order. A job or step that is terminal, or another run or attempt, is left
    alone: that is the second fence, behind the one in Redis."""
    folded = Folded(job, steps)
    by_id = {str(step.id): step for step in steps}
    for report in reports:
        step = by_id.get(report.step_id)
        if (
            step is None
            or job.status not in OPEN
            or folded.failed is not None
            or step.status not in OPEN
            or step.run != report.run
            or report.attempt < step.attempt
        ):
            folded.ignored += 1
            continue
        ignored = folded.ignored
        _APPLY[report.kind](folded, step, report)
        if folded.ignored == ignored:
            folded.applied.append((report, step))
    return folded


def look(job: LockedJob, steps: list[StepState]) -> Folded:
    """See what should have followed from the steps as they stand: the next ones, or the job's end."""
    folded = Folded(job, steps, failed=next((step for step in steps if step.status == "failed"), None))
    follows = folded.failed is not None or folded.all_done or bool(folded.newly_ready())
    folded.overlooked = job.status in OPEN and follows
    return folded


def _note(folded: Folded, step: StepState, status: str, message: str, data: dict[str, object] | None = None) -> None:
    folded.history.append(HistoryEntry(folded.job.id, status, message, step_id=step.id, data=data))


def _started(folded: Folded, step: StepState, report: Report) -> None:
    if report.attempt == step.attempt and step.status == "processing":
        folded.ignored += 1
        return
    again = step.attempt > 0
    step.attempt, step.worker_id = report.attempt, report.worker_id
    step.status, step.progress, step.changed = "processing", 0.0, True
    message = f"Node {step.step_name} started" + (f" again (attempt {step.attempt})" if again else "")
    _note(folded, step, "processing", message, {"worker_id": report.worker_id, "attempt": report.attempt})


def _progress(folded: Folded, step: StepState, report: Report) -> None:
    if report.attempt > step.attempt:
        _started(folded, step, report)
    if report.progress is None or report.progress <= step.progress:
        folded.ignored += 1
        return
    step.progress, step.changed = min(100.0, report.progress), True


def _completed(folded: Folded, step: StepState, report: Report) -> None:
    finished = report.finished
    if finished is None or not (finished.files or finished.data):
        _failed(folded, step, replace(report, finished=NO_RESULT))
        return
    if report.attempt > step.attempt or step.status != "processing":
        step.attempt, step.worker_id = report.attempt, report.worker_id
    step.status, step.progress, step.changed, step.error_message = "completed", 100.0, True, None
    step.seconds = report.seconds
    folded.files[step.id] = finished.files
    folded.data[step.id] = dict(finished.data)
    _note(folded, step, "processing", f"Node {step.step_name} completed", {"attempt": report.attempt})


def _failed(folded: Folded, step: StepState, report: Report) -> None:
    step.attempt, step.worker_id = report.attempt, report.worker_id
    reason = report.finished.error if report.finished and report.finished.error else "no reason was given"
    details = dict(report.finished.details) if report.finished else {}
    step.status, step.changed, step.error_message, step.dead_letter = "failed", True, reason, report.dead
    folded.failed = step
    _note(folded, step, "processing", f"Node {step.step_name} failed: {reason}", details or None)


def _back_to_pending(folded: Folded, step: StepState, report: Report, message: str) -> None:
    step.attempt = report.attempt
    step.status, step.progress, step.worker_id, step.changed = "pending", 0.0, None, True
    _note(folded, step, "processing", message, {"attempt": report.attempt, "worker_id": report.worker_id})


def _retrying(folded: Folded, step: StepState, report: Report) -> None:
    reason = report.finished.error if report.finished else ""
    _back_to_pending(folded, step, report, f"Node {step.step_name} failed and will be tried again: {reason}")


def _lost(folded: Folded, step: StepState, report: Report) -> None:
    _back_to_pending(folded, step, report, f"Node {step.step_name} lost its worker and is offered again")


def _released(folded: Folded, step: StepState, report: Report) -> None:
    _back_to_pending(folded, step, report, f"Node {step.step_name} was handed back by its worker")


_APPLY = {
    "started": _started,
    "progress": _progress,
    "completed": _completed,
    "failed": _failed,
    "retrying": _retrying,
    "lost": _lost,
    "released": _released,
}
