"""One claim as a pipeline: run the connector, store what it made, say how it ended."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import orjson
import structlog

from emprops.connectors.base import BadInputError, Connector, ConnectorError, FinalError, Outcome, Produced, too_large
from emprops.kit.storage import Storage, measure
from emprops.kit.telemetry import tracing
from emprops.media.probe import media_type_of
from emprops.media.types import extension_of
from emprops.queue import bounds
from emprops.queue.messages import Claim, FailureKind, Finished, StoredFile
from emprops.worker.context import Context

log = structlog.get_logger(__name__)


class Alarm:
    """Ends the run of the current task after ``limit`` seconds, and tells its context. ``asyncio.timeout`` and a second
    timer for the context would cost a short run four times as much."""

    def __init__(self, context: Context, limit: float) -> None:
        self._context, self._task, self._rang = context, asyncio.current_task(), False
        self.cancel = asyncio.get_running_loop().call_later(limit, self._ring).cancel

    def _ring(self) -> None:
        self._rang = True
        self._context.stop()
        if self._task is not None:
            self._task.cancel()

    def ended_by(self, error: BaseException) -> bool:
        """Return whether the alarm caused this error. A second cancellation, such as that of a worker that stops, goes
        first."""
        if isinstance(error, asyncio.CancelledError):
            return self._rang and self._task is not None and self._task.uncancel() == 0
        return self._rang and isinstance(error, TimeoutError)


async def run_claim(claim: Claim, connector: Connector, context: Context, storage: Storage) -> Finished:
    """Run one claim to its end. Every failure becomes a value; only the cancellation of this task is raised."""
    limit = claim.ticket.limits.max_run_time
    alarm = Alarm(context, limit)
    try:
        with tracing.span("connector.run", {"emprops.connector": connector.name}):
            outcome = checked(await connector.run(claim.ticket, context), connector.name)
        _refuse_by_size(outcome, context.max_result_bytes)  # a stat costs a twentieth of a thread's errand
        files = [await _store(claim, number, file, storage) for number, file in enumerate(outcome.files)]
        return Finished(files=tuple(files), data=outcome.data)
    except BaseException as error:  # SystemExit too: it ends this step, not the worker and the step's neighbours
        if alarm.ended_by(error):
            return _failure("retryable", f"The run took longer than {limit:g} seconds.", details={"code": "run_time"})
        if not isinstance(error, asyncio.CancelledError):
            return failure_of(error, claim, connector.name)
        if context.cancelled() and _cancelling():
            raise
        return _failure("retryable", f"The connector {connector.name} broke its own run off.")
    finally:
        alarm.cancel()
        context.end()


def checked(outcome: Outcome, name: str) -> Outcome:
    """Return a connector's result such that it can be stored. Results without files get one, so that each has a URL.

    Raises :class:`FinalError` for what is no result, or too large a one.
    """
    if not isinstance(outcome, Outcome):
        raise FinalError(f"The connector {name} returned no result.")
    try:
        data = bounds.data(outcome.data or {})
        files = tuple(outcome.files)
        bounds.file_count(len(files))
    except bounds.OutOfBoundsError as error:
        raise FinalError(str(error)) from error
    if not all(isinstance(file, Produced) and isinstance(file.content, bytes | Path) for file in files):
        raise FinalError(f"The connector {name} gave a file that is neither bytes nor a path.")
    if not files and not data:
        raise FinalError(f"The connector {name} reported success without a result: neither files nor data.")
    return Outcome(files=files or (_file_of(data),), data=data)


def _file_of(data: dict[str, Any]) -> Produced:
    text = data.get("text")
    if isinstance(text, str):
        return Produced("result.txt", "text/plain", text.encode())
    return Produced("result.json", "application/json", orjson.dumps(data))


def _refuse_by_size(outcome: Outcome, limit: int) -> None:
    # all of them before the first is stored, so that a refused result leaves nothing behind
    for file in outcome.files:
        size = file.content.stat().st_size if isinstance(file.content, Path) else len(file.content)
        if size > limit:
            raise too_large(f"The result {bounds.line(file.name, bounds.MAX_FILE_NAME)}", limit)
        if not size and not file.mime_type.startswith("text/"):
            raise FinalError(f"The result {bounds.line(file.name, bounds.MAX_FILE_NAME)} is empty.")


async def _store(claim: Claim, number: int, file: Produced, storage: Storage) -> StoredFile:
    # by content: a sound in a video's container, or a picture under another name, is stored as what it is
    mime_type = await media_type_of(file.content) or bounds.media_type(file.mime_type)
    key = f"{claim.files_prefix}{number}{extension_of(mime_type)}"
    with tracing.span("file.store", {"emprops.key": key, "emprops.mime_type": mime_type}):
        if isinstance(file.content, Path):
            size, digest = await asyncio.to_thread(measure, file.content)
            await storage.put_file(key, file.content, mime_type)
        else:
            size, digest = len(file.content), hashlib.sha256(file.content).hexdigest()
            await storage.put_bytes(key, file.content, mime_type)
    facts = {"name": file.name, "width": file.width, "height": file.height, "duration": file.duration}
    stored = {"key": key, "mime_type": mime_type, "size": size, "sha256": digest, "node": file.node}
    return StoredFile.from_json(stored | facts)


def failure_of(error: BaseException, claim: Claim, name: str) -> Finished:
    """Return how a run ended that raised this. The user gets a connector's own words, but none of a library's: those
    may hold addresses, keys and folders, and are in the log."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, ConnectorError):
        return _failure(error.kind, error.message, details=error.details, retry_after=error.retry_after)  # type: ignore[arg-type]
    where = f"the operator finds the reason in the worker's log under {claim.ticket.id}"
    kind = type(error).__name__
    log.error("run failed unexpectedly", connector=name, step_id=claim.ticket.id, exc_info=error)
    if isinstance(error, OSError):
        return _failure("retryable", f"Something that the run needs was away or broke off ({kind}); {where}.")
    return _failure("final", f"The connector {name} failed unexpectedly ({kind}); {where}.")


def _failure(
    kind: FailureKind, message: str, *, details: dict[str, object] | None = None, retry_after: float | None = None
) -> Finished:
    return Finished(
        failure=kind,
        error=bounds.line(message, bounds.MAX_ERROR),
        details=bounds.details(details or {}),
        retry_after=bounds.wait(retry_after),
    )


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def unserved(claim: Claim) -> Finished:
    """A claim for a job type nobody here serves: only a misjudged match can lead here."""
    error = BadInputError(f"This worker has no connector for the job type {claim.ticket.job_type}.")
    return _failure("retryable", error.message)
