"""Child processes of a one-machine installation: started on a leash, logged to a file, stopped within a time limit."""

import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from emprops.local.errors import LocalError

LEASH = Path(__file__).with_name("leash.py")
LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel's limit is 108 on Linux and 104 on macOS."""
PLAIN_PATH = re.compile(rb"[A-Za-z0-9/._-]+")
"""Paths that mean themselves everywhere: PostgreSQL and its clients split lists of folders at commas, and URLs give
meaning to ``#``, ``?`` and ``%``."""
LOG_LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True)
class Account:
    """A system account a child runs as."""

    uid: int
    gid: int


def spawn(
    command: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    account: Account | None = None,
    on_parent_death: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, with ``folder`` as its working directory and its output appended to ``log``.

    Must be called from a thread that lives as long as the child may: on Linux the leash is tied to the calling thread.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    leash = [sys.executable, "-I", "-S", str(LEASH), *map(str, (os.getpid(), int(on_parent_death), uid, gid))]
    with open_log(log) as stream:
        return subprocess.Popen(  # noqa: S603
            [*leash, *map(str, command)],
            cwd=folder,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending; one that has grown beyond ``LOG_LIMIT`` is kept as ``<name>.1`` first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def last_line(log: Path) -> str:
    """Return the last non-empty line of a log, or an empty string."""
    if not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def stop(process: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM, timeout: float = 5.0) -> None:
    """End a child: politely, and after ``timeout`` seconds for good. Returns when it is gone."""
    if process.poll() is not None:
        return
    process.send_signal(by)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def running_in(folder: Path, names: tuple[str, ...]) -> list[psutil.Process]:
    """Find processes whose name starts with one of ``names`` and whose working directory is ``folder``."""
    found = []
    for process in psutil.process_iter(["name"]):
        if not (process.info["name"] or "").startswith(names):
            continue
        try:
            if Path(process.cwd()) == folder:
                found.append(process)
        except psutil.Error:
            continue
    return found


def remove_leftovers(folder: Path, names: tuple[str, ...], *, by: signal.Signals, timeout: float = 10.0) -> None:
    """Stop servers that a killed predecessor left running in ``folder``; the rest is killed after ``timeout`` seconds.

    Replaced rather than adopted: on Linux a leftover is on its way out already, and only a child of ours ends with us.
    """
    for urge in (by, signal.SIGKILL):
        leftovers = running_in(folder, names)
        for process in leftovers:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(urge)
        give_up = time.monotonic() + timeout
        while any(is_alive(process) for process in leftovers) and time.monotonic() < give_up:
            time.sleep(0.01)


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process still runs. A zombie does not: in a container there may be nobody to reap it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def socket_folder(preferred: Path, socket_name: str, account: Account | None = None) -> Path:
    """Return a folder only its owner can enter, whose path fits a Unix socket called ``socket_name`` and its URL.

    That is ``preferred``, or else a folder in ``/tmp`` whose name follows from it, so that a server started again is
    found at the same place. One of that name that belongs to somebody else is not used.
    """
    folder, path = preferred, os.fsencode(preferred / socket_name)
    if len(path) > LONGEST_SOCKET_PATH or not PLAIN_PATH.fullmatch(path):
        name = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
        folder = Path(f"/tmp/emprops-{os.geteuid()}-{name}")  # noqa: S108 -- TMPDIR may be as long as the first choice
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid if account else -1}:
        raise LocalError(f"{folder} belongs to somebody else: remove it, or use a data folder with a shorter path.")
    folder.chmod(0o700)
    if account:
        os.chown(folder, account.uid, account.gid)
    return folder
