"""What a run may use: progress, input files, a temporary folder."""

import shutil
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from emprops.connectors.base import BadInputError
from emprops.errors import AppError
from emprops.kit.http import GuardedClient
from emprops.kit.storage import Storage
from emprops.media.storage import key_of
from emprops.media.types import mime_type_of
from emprops.queue.messages import Claim
from emprops.settings import Settings
from emprops.worker.board import Board

MAX_INPUT_BYTES = 2 * 1024**3


class Context:
    """The :class:`~emprops.connectors.base.RunContext` of one claim."""

    def __init__(
        self,
        claim: Claim,
        *,
        board: Board,
        storage: Storage,
        http: GuardedClient,
        settings: Settings,
        cancelled: Callable[[], bool],
    ) -> None:
        self.claim = claim
        self.cancelled = cancelled
        self._board = board
        self._storage = storage
        self._http = http
        self._settings = settings

    def progress(self, percent: float, message: str = "") -> None:
        """Tell how far the run is, 0-100."""
        self._board.progress(self.claim, percent, message)

    @cached_property
    def folder(self) -> Path:
        """A temporary folder of this run, made when first asked for."""
        return Path(tempfile.mkdtemp(prefix="emprops-run-"))

    async def fetch(self, url: str, *, max_bytes: int | None = None) -> tuple[Path, str]:
        """Bring an input file here; our own storage is read directly, anything else through the guarded client."""
        limit = MAX_INPUT_BYTES if max_bytes is None else max_bytes
        target = self.folder / f"input-{len(list(self.folder.iterdir()))}"
        key = key_of(self._settings, url)
        try:
            if key is None:
                downloaded = await self._http.download(url, target, limit)
                return downloaded.path, downloaded.mime_type
            size = await self._storage.size(key)
            if size > limit:
                raise BadInputError(f"The input file {url} has {size} bytes; at most {limit} are taken.")
            local = self._storage.local_path(key)
            if local is not None:
                return local, mime_type_of(key)
            with target.open("wb") as file:
                async for chunk in self._storage.stream(key):
                    file.write(chunk)
            return target, mime_type_of(key)
        except AppError as error:
            raise BadInputError(f"The input file {url} cannot be had: {error.message}") from error
        except FileNotFoundError as error:
            raise BadInputError(f"The input file {url} does not exist in storage.") from error

    def clean(self) -> None:
        """Remove the temporary folder, if one was made."""
        if "folder" in self.__dict__:
            shutil.rmtree(self.folder, ignore_errors=True)
