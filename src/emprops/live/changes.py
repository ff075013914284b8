"""What happened to a job between two looks at it, as messages. Pure.

Both looks show committed states, and the second is the later one, so what is told here happened in this order: a
step's progress never falls within an attempt, and nothing follows its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from emprops.jobs import queries
from emprops.jobs.queries import as_json
from emprops.jobs.states import OPEN, TERMINAL
from emprops.live.messages import News
from emprops.live.store import SeenJob
from emprops.media.result_links import ResultLinks

Step = dict[str, Any]
UNSEEN = ("", 0, 0.0)


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a job."""

    face: tuple[Any, ...]
    """All that callers see of it but progress and data, which never change alone."""
    is_open: bool
    updated_at: datetime
    steps: dict[str, tuple[str, int, float]]
    """Per step its status (empty: not yet in the queue), attempt and progress."""


def named(job: SeenJob, results: ResultLinks) -> SeenJob:
    """Return a job with URLs of what it and its steps made that open."""
    if not results.signed:
        return job
    steps = orjson.loads(results.in_job(orjson.dumps(job.steps).decode(), job.id))
    return replace(queries.named(job, results), steps=steps)


def remember(job: SeenJob) -> Known:
    """Keep of a job what the next look is compared with."""
    steps = {step["id"]: _state(step) for step in job.steps}
    face = (
        job.status,
        job.error_message,
        job.started_at,
        job.completed_at,
        (job.workflow_output or "").partition("?")[0],  # a URL that is signed anew is no news
        job.current_step,
        job.total_steps,
        job.retry_count,
    )
    return Known(face, job.status in OPEN, job.updated_at, steps)


def _state(step: Step) -> tuple[str, int, float]:
    in_queue = step["ready"] or step["status"] != "pending"
    return (step["status"] if in_queue else "", step["attempt"], step["progress"])


def changes(before: Known | None, job: SeenJob, since: float) -> Iterator[News]:
    """Return what is new since ``before``; None: the job was not known, and what changed since ``since`` is new.

    ``since``: Unix seconds, the database's clock. How the job ended comes last, any other change of it first.
    """
    changed = job.updated_at.timestamp() >= since if before is None else remember(job).face != before.face
    if changed and job.status in OPEN:
        yield of_job(job)
    for step in job.steps:
        yield from _of_step(_before(before, job, step, since), job, step)
    if changed and job.status in TERMINAL:
        yield of_job(job)


def _before(before: Known | None, job: SeenJob, step: Step, since: float) -> tuple[str, int, float]:
    """Say how a step was last seen; one that nobody was told of counts as it is if that is old news."""
    if before is not None:
        known = before.steps.get(step["id"])
        is_old = known is None and step["reused"]
    else:
        known = None
        is_old = step["reused"] or (job.created_at.timestamp() < since and step["changed_at"] < since)
    return _state(step) if is_old else known or UNSEEN


def _of_step(before: tuple[str, int, float], job: SeenJob, step: Step) -> Iterator[News]:
    """Return what led from one state to the other, with the parts that no look caught."""
    then, attempt_then, progress_then = before
    status, attempt, progress = _state(step)
    if not status or before == (status, attempt, progress) or then in TERMINAL:
        return
    base = about(job, step)
    if not then:
        yield News("job_submitted", {**base, "requirements": step["requirements"]}, {})
    elif status == "pending" and (then == "processing" or attempt != attempt_then):
        yield News("job_status_changed", {**base, "status": status, "attempt": attempt}, {})
    new_attempt = attempt > attempt_then or then != "processing"
    if step["worker_id"] and status != "pending" and new_attempt:
        yield News("job_assigned", {**base, "worker_id": step["worker_id"], "attempt": attempt}, {})
    if status == "processing" and progress > (0.0 if new_attempt else progress_then):
        yield progress_of(job, step)
    elif status == "completed":
        end = {**base, "status": status, "worker_id": step["worker_id"], "result": {"success": True}}
        yield News("complete_job", end, {"result": {"success": True, "output_files": step["files"] or []}})
    elif status == "failed":
        end = {**base, "status": status, "worker_id": step["worker_id"], "error": step["error"], "retry": False}
        yield News("job_failed", end, {})


def progress_of(job: SeenJob, step: Step) -> News:
    """Publish the progress of a running step, and its job with it."""
    fields = {
        **about(job, step),
        "progress": step["progress"],
        "worker_id": step["worker_id"],
        "attempt": step["attempt"],
        "workflow_progress": job.progress,
    }
    return News("update_job_progress", fields, {}, ("progress", step["id"], str(step["attempt"])))


def of_job(job: SeenJob) -> News:
    """Return how a job is: the fields of ``job_update`` in its stream, for monitors without ``data``."""
    fields = {"job_id": job.id, "status": job.status, "progress": job.progress, "job": summary(job)}
    return News("job_status_changed", fields, {"job": as_json(job)})


def about(job: SeenJob, step: Step) -> dict[str, Any]:
    """Return what every message about a step says."""
    return {
        "job_id": step["id"],
        "job_type": step["type"],
        "workflow_context": {
            "workflow_id": job.id,
            "workflow_priority": job.priority,
            "workflow_datetime": int(job.created_at.timestamp() * 1000),
            "total_steps": job.total_steps,
            "current_step": step["order"],
        },
    }


def summary(job: SeenJob) -> dict[str, Any]:
    """Show a job without its data."""
    fields = as_json(job)
    del fields["data"]
    return fields


def steps_of(job: SeenJob) -> list[dict[str, Any]]:
    """Show a job's steps as they stand."""
    return [
        {
            "job_id": step["id"],
            "job_type": step["type"],
            "name": step["name"],
            "status": step["status"],
            "progress": step["progress"],
            "attempt": step["attempt"],
            "worker_id": step["worker_id"],
            "error": step["error"],
            "current_step": step["order"],
        }
        for step in job.steps
    ]
