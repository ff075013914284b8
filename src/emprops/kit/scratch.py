"""A temporary folder for as long as a process lives. What killed processes left goes when the next one starts."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LOCK = ".lock"
"""Locked by the process that uses the folder; the system lets go of it however that process ends."""


@contextlib.contextmanager
def scratch_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Lend a folder in ``parent``, or in the machine's temporary one (``TMPDIR``), for the length of the block.

    Folders with that prefix that dead processes left there are removed.
    """
    parent = parent or Path(tempfile.gettempdir())
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            _remove_if_dead(folder)
    folder, lock = _made(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _made(parent: Path, prefix: str) -> tuple[Path, IO[bytes]]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with contextlib.suppress(FileNotFoundError):
            lock = (folder / LOCK).open("wb")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (folder / LOCK).stat().st_ino == os.fstat(lock.fileno()).st_ino:
                return folder, lock
            lock.close()  # somebody took it for a dead one's before it was locked


def _remove_if_dead(folder: Path) -> None:
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return
    with (folder / LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
