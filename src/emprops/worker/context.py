"""What a run may use: progress, input files, a temporary folder."""

import asyncio
import contextlib
import itertools
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from emprops.connectors.base import BadInputError, RetryableError
from emprops.connectors.encoded import decoded, is_data_url
from emprops.errors import AppError
from emprops.kit.outbound import bodies
from emprops.kit.outbound.client import GuardedClient, OutboundUnavailableError
from emprops.kit.storage import Storage
from emprops.media.storage import key_of
from emprops.media.types import mime_type_of
from emprops.queue import bounds
from emprops.queue.messages import Claim
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.previews import made_small

log = structlog.get_logger(__name__)

ASSET = "asset:"
"""How a file begins that was located for no job, see ``orchestrator/files.py``."""
MAX_INPUT_BYTES = 2 * 1024**3
REMEMBER_TIME = 10.0
"""Seconds that a run waits at most until what it began is known to the queue."""


class Context:
    """The :class:`~emprops.connectors.base.RunContext` of one claim. Made where the event loop runs."""

    def __init__(
        self,
        claim: Claim,
        *,
        board: Board,
        storage: Storage,
        http: GuardedClient,
        settings: Settings,
        folder: Path | None = None,
    ) -> None:
        self.claim = claim
        self.max_result_bytes = settings.max_result_bytes
        self._stopped = False
        self._lock = threading.Lock()
        self._parent = folder
        self._folder: Path | None = None
        self._ended = False
        self._numbers = itertools.count()
        self._loop = asyncio.get_running_loop()
        self._unseen: tuple[bytes | str, str, str] | None = None
        self._shrinking = False
        self._board = board
        self._storage = storage
        self._http = http
        self._settings = settings

    def progress(self, percent: float, message: str = "") -> None:
        """Report the run's progress, 0-100."""
        self._board.progress(self.claim, percent, message)

    @property
    def shows_previews(self) -> bool:
        """Whether previews can be seen."""
        return self._settings.previews

    def preview(self, content: bytes | str, mime_type: str = "text/plain", node: str = "") -> None:
        """Show what is being made: the latest is made small in a thread, one at a time, and the heartbeat sends it."""
        if not self.shows_previews:
            return
        with self._lock:
            self._unseen = (content, mime_type, node)
            if self._shrinking or self._ended:
                return
            self._shrinking = True
        with contextlib.suppress(RuntimeError):  # the event loop may be closed by now
            self._loop.call_soon_threadsafe(self._loop.run_in_executor, None, self._shrink)

    def _shrink(self) -> None:
        while True:
            with self._lock:
                unseen, self._unseen = self._unseen, None
                if unseen is None or self._ended:
                    self._shrinking = False
                    return
            try:
                made = made_small(*unseen)
            except Exception:  # whatever a library finds wrong with a picture must not keep later ones from being shown
                log.exception("preview failed", step_id=self.claim.ticket.id)
                continue
            if made is not None:
                self._board.preview(self.claim, made)

    @property
    def remembered(self) -> Mapping[str, Any] | None:
        """What an earlier attempt remembered of work that it began."""
        return self.claim.remembered

    async def remember(self, work: Mapping[str, Any] | None) -> None:
        """Have the next attempt know of work that was begun, or forget it: the heartbeat takes it to the queue."""
        kept = bounds.remembered(dict(work or {}))
        stored = asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the event loop may be closed by now
                self._loop.call_soon_threadsafe(stored.set)

        self._board.remember(self.claim, kept, tell)
        try:
            async with asyncio.timeout(REMEMBER_TIME):
                await stored.wait()
        except TimeoutError:
            # The work goes on. As soon as the queue is back, a heartbeat says it again.
            log.warning("begun work not stored yet", step_id=self.claim.ticket.id)

    @property
    def cancelled(self) -> Callable[[], bool]:
        """True once the run should stop: told at once to code in threads, which no cancellation reaches."""
        return self._is_stopped

    def _is_stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        """Ask the run to stop. May be called from any thread."""
        self._stopped = True

    @property
    def folder(self) -> Path:
        """A temporary folder of this run, made when first asked for. Raises RuntimeError once the run has ended."""
        with self._lock:
            if self._folder is None:
                if self._ended:
                    raise RuntimeError("the run has ended; its folder is gone")
                self._folder = Path(tempfile.mkdtemp(prefix="emprops-run-", dir=self._parent))
            return self._folder

    async def fetch(self, url: str, *, max_bytes: int | None = None) -> tuple[Path, str]:
        """Bring an input file here: from our own storage, out of a ``data:`` URL, or through the guarded client."""
        limit = MAX_INPUT_BYTES if max_bytes is None else max_bytes
        target = self.folder / f"input-{next(self._numbers)}"
        if is_data_url(url):
            return await asyncio.to_thread(_decode, url, target, limit)
        if url.startswith(ASSET):
            raise BadInputError(f"The file {url} was deleted, or this job may not take it; start a job with another.")
        key = key_of(self._settings, url, private=True)
        shown = url if key is None else url.partition("?")[0]  # a signature is nothing to show, or to log
        try:
            if key is None:
                downloaded = await self._http.download(url, target, limit)
                return downloaded.path, downloaded.mime_type
            size = await self._storage.size(key)
            if size > limit:
                raise BadInputError(f"The input file {shown} has {size} bytes; at most {limit} are taken.")
            local = self._storage.local_path(key)
            if local is not None:
                return local, mime_type_of(key)
            with target.open("wb") as file:
                async for chunk in self._storage.stream(key):
                    file.write(chunk)
            return target, mime_type_of(key)
        except OutboundUnavailableError as error:
            raise RetryableError(
                f"The input file {shown} cannot be fetched now: {error.message}", retry_after=error.wait
            ) from error
        except AppError as error:
            raise BadInputError(f"The input file {shown} cannot be fetched: {error.message}") from error
        except FileNotFoundError as error:
            raise BadInputError(f"The input file {shown} does not exist in storage.") from error

    def end(self) -> None:
        """Stop what may still run in threads, and remove the temporary folder if one was made."""
        self.stop()
        with self._lock:
            self._ended = True
            folder, self._folder = self._folder, None
        if folder is None:
            return
        # Renamed first: a thread that has not noticed yet cannot add files to what is being removed.
        doomed = folder.with_name(f"{folder.name}-ended")
        with contextlib.suppress(OSError):
            folder = folder.rename(doomed)
        shutil.rmtree(folder, ignore_errors=True)


def _decode(url: str, target: Path, limit: int) -> tuple[Path, str]:
    file = decoded(url)
    if file is None or not file.content:
        raise BadInputError("The input file is a data: URL that is empty or not valid base64.")
    if len(file.content) > limit:
        raise BadInputError(f"The input file has {len(file.content)} bytes; at most {limit} are taken.")
    target.write_bytes(file.content)
    return target, file.mime_type or bodies.look(target)
