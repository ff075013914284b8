"""One claim as a pipeline: run the connector, store what it made, say how it ended."""

import asyncio
import hashlib
import math
from pathlib import Path

import orjson
import structlog

from emprops.connectors.base import BadInputError, Connector, ConnectorError, FinalError, Outcome, Produced, too_large
from emprops.kit import tracing
from emprops.kit.storage import Storage, measure
from emprops.media.probe import media_type_of
from emprops.media.types import extension_of
from emprops.queue.messages import Claim, FailureKind, Finished, StoredFile
from emprops.worker.context import Context

log = structlog.get_logger(__name__)

MAX_DATA_BYTES = 256 * 1024
"""Results larger than this belong into files, not into Redis and job rows."""
MAX_ERROR_CHARACTERS = 2_000
MAX_DETAILS_BYTES = 16 * 1024


async def run_claim(claim: Claim, connector: Connector, context: Context, storage: Storage) -> Finished:
    """Run one claim to its end. Every failure becomes a value; only the cancellation of this task is raised."""
    limit = claim.ticket.limits.max_run_time
    alarm = asyncio.get_running_loop().call_later(limit, context.stop)
    try:
        async with asyncio.timeout(limit) as clock:
            with tracing.span("connector.run", {"emprops.connector": connector.name}):
                outcome = with_result_file(await connector.run(claim.ticket, context))
            if outcome.data and len(orjson.dumps(outcome.data)) > MAX_DATA_BYTES:
                raise FinalError(f"The result's data exceeds {MAX_DATA_BYTES} bytes; large results go into files.")
            _refuse_large(outcome, context.max_result_bytes)  # a stat costs a twentieth of a thread's errand
            files = [await _store(claim, number, file, storage) for number, file in enumerate(outcome.files)]
        finished = Finished(files=tuple(files), data=dict(outcome.data))
        finished.to_bytes()  # what cannot be sent must fail here, as this step's fault
        return finished
    except asyncio.CancelledError:
        if _cancelling():
            raise
        return _failure("retryable", f"The connector {connector.name} broke its own run off.")
    except ConnectorError as error:
        return _failure(error.kind, error.message, details=error.details, retry_after=error.retry_after)  # type: ignore[arg-type]
    except OSError as error:
        if isinstance(error, TimeoutError) and clock.expired():
            return _failure("retryable", f"The run took longer than {limit:g} seconds.", details={"code": "run_time"})
        log.warning("run failed on the outside world", error=str(error))
        return _failure("retryable", f"{type(error).__name__}: {error}")
    except Exception as error:
        log.exception("connector failed unexpectedly", connector=connector.name)
        return _failure("final", f"The connector {connector.name} failed unexpectedly: {type(error).__name__}: {error}")
    finally:
        alarm.cancel()
        context.end()


def with_result_file(outcome: Outcome) -> Outcome:
    """Give a result without files one, so that every result has a URL: its text, or else its data as JSON."""
    if outcome.files or not outcome.data:
        return outcome
    text = outcome.data.get("text")
    if isinstance(text, str):
        file = Produced("result.txt", "text/plain", text.encode())
    else:
        file = Produced("result.json", "application/json", orjson.dumps(outcome.data))
    return Outcome(files=(file,), data=outcome.data)


def _refuse_large(outcome: Outcome, limit: int) -> None:
    # all of them before the first is stored, so that a refused result leaves nothing behind
    for file in outcome.files:
        size = file.content.stat().st_size if isinstance(file.content, Path) else len(file.content)
        if size > limit:
            raise too_large(f"The result {file.name}", limit)


async def _store(claim: Claim, number: int, file: Produced, storage: Storage) -> StoredFile:
    # by content: a sound in a video's container, or a picture under another name, is stored as what it is
    mime_type = await media_type_of(file.content) or file.mime_type
    key = f"{claim.files_prefix}{number}{extension_of(mime_type)}"
    with tracing.span("file.store", {"emprops.key": key, "emprops.mime_type": mime_type}):
        if isinstance(file.content, Path):
            size, digest = await asyncio.to_thread(measure, file.content)
            await storage.put_file(key, file.content, mime_type)
        else:
            size, digest = len(file.content), hashlib.sha256(file.content).hexdigest()
            await storage.put_bytes(key, file.content, mime_type)
    return StoredFile(
        key=key,
        mime_type=mime_type,
        size=size,
        sha256=digest,
        name=file.name,
        width=file.width,
        height=file.height,
        duration=file.duration,
        node=file.node,
    )


def _failure(
    kind: FailureKind, message: str, *, details: dict[str, object] | None = None, retry_after: float | None = None
) -> Finished:
    # NUL and lone surrogates come with foreign texts; neither JSON nor PostgreSQL takes them
    text = message[:MAX_ERROR_CHARACTERS].replace("\0", "").encode("utf-8", "replace").decode()
    wait = retry_after if retry_after is not None and math.isfinite(retry_after) and retry_after > 0 else None
    return Finished(failure=kind, error=text, details=_sendable(details or {}), retry_after=wait)


def _sendable(details: dict[str, object]) -> dict[str, object]:
    try:
        size = len(orjson.dumps(details))
    except TypeError as error:
        return {"omitted": f"The details could not be sent: {error}"}
    if size > MAX_DETAILS_BYTES:
        return {"omitted": f"The details had {size} bytes; at most {MAX_DETAILS_BYTES} are sent."}
    return details


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def unserved(claim: Claim) -> Finished:
    """A claim for a job type nobody here serves: only a misjudged match can lead here."""
    error = BadInputError(f"This worker has no connector for the job type {claim.ticket.job_type}.")
    return _failure("retryable", error.message)
