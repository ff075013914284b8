"""One machine's installation: engines, schema, samples, api and worker, started in order and stopped in reverse."""

import asyncio
import errno
import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from uuid import UUID

from emprops.auth.local_user import local_user
from emprops.kit import migrate
from emprops.kit.database import Database
from emprops.local.children import WORKER_GRACE, Child, Engine, Say, stop_children
from emprops.local.errors import LocalError
from emprops.local.postgres import start_postgres
from emprops.local.process import last_line
from emprops.local.redis import launch_redis, start_redis
from emprops.local.run import Run, announce, hold
from emprops.local.stop_flag import StopFlag
from emprops.samples import store as samples
from emprops.settings import Settings

START_TIMEOUT = 60.0
READY_TIMEOUT = 5.0
"""Seconds an api that answers may take to find its engines; embedded ones run by then, given ones may be away."""
CHECK_INTERVAL = 0.2


class Stopped(Exception):  # noqa: N818
    """A signal asked for the end while the start was under way."""


@dataclass(frozen=True)
class Installation:
    """Everything that runs on this machine. ``collections`` are the samples one can generate from, by slug."""

    run: Run
    collections: Mapping[str, UUID]
    logs: Path
    engines: Sequence[Engine]
    children: Sequence[Child]

    def tend(self, stopping: StopFlag, say: Say) -> None:
        """Keep all of it running until ``stopping`` is set; ``say`` gets a line for whatever had to be restarted."""
        while not stopping.wait(CHECK_INTERVAL):
            for engine in self.engines:
                engine.tend(say)
            for child in self.children:
                child.tend(say)


@contextmanager
def running(settings: Settings, stopping: StopFlag) -> Iterator[Installation]:
    """Start everything on this machine, lend it, and stop it in reverse order, however the block ends.

    Engines are embedded unless their URL is set. Raises :class:`LocalError` with one sentence if the data folder or
    the port is in use or something does not start, :class:`Stopped` if ``stopping`` was set meanwhile; nothing
    is left running then. Call it from the main thread.
    """
    data_dir = settings.data_dir.resolve()
    logs = data_dir / "logs"
    make_folders(data_dir, logs)
    with ExitStack() as cleanup:
        cleanup.enter_context(hold(data_dir))
        refuse_taken_port(settings.host, settings.port)
        engines: list[Engine] = []
        database_url, redis_url = start_engines(settings, data_dir, logs, engines, cleanup)
        check(stopping)
        migrate.upgrade(database_url)
        check(stopping)
        collections = asyncio.run(plant(database_url))
        check(stopping)
        run = Run(f"http://localhost:{settings.port}", local_user(data_dir), database_url, redis_url, os.getpid())
        children = make_children(run, settings, data_dir, logs)
        cleanup.callback(stop_children, children)
        for child in children:
            child.start()
        wait_for_answer(settings, children[0], "/health", START_TIMEOUT, stopping)
        wait_for_answer(settings, children[0], "/ready", READY_TIMEOUT, stopping)
        cleanup.enter_context(announce(data_dir, run))
        yield Installation(run, collections, logs, engines, children)


def make_folders(*folders: Path) -> None:
    """Make the folders that are not there. Raises :class:`LocalError` if one cannot be made."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(f"{folder} cannot be used ({error.strerror}): set EMPROPS_DATA_DIR.") from error


def start_engines(
    settings: Settings, data_dir: Path, logs: Path, engines: list[Engine], cleanup: ExitStack
) -> tuple[str, str]:
    """Start the engines that are not given by URL, side by side, and return the URLs of PostgreSQL and Redis."""
    database_url, redis_url = settings.database_url, settings.redis_url
    redis = None
    if not redis_url:
        folder, log = data_dir / "redis", logs / "redis.log"
        redis = launch_redis(folder, log=log, program=settings.redis_server)
        redis_url = redis.url
        engines.append(Engine("Redis", redis, partial(start_redis, folder, log=log, program=settings.redis_server)))
        cleanup.callback(engines[-1].stop)
    if not database_url:
        folder, log = data_dir / "postgres", logs / "postgres.log"
        postgres = start_postgres(folder, log=log)
        database_url = postgres.url
        engines.append(Engine("PostgreSQL", postgres, partial(start_postgres, folder, log=log)))
        cleanup.callback(engines[-1].stop)
    if redis:
        redis.wait_until_ready()
    return database_url, redis_url


async def plant(database_url: str) -> Mapping[str, UUID]:
    """Put the samples into the database, unless they are there; returns the ids of the collections by slug."""
    database = Database(database_url, size=2)
    await database.open()
    try:
        return (await samples.seed(database)).collections
    finally:
        await database.close()


def make_children(run: Run, settings: Settings, data_dir: Path, logs: Path) -> list[Child]:
    """Make the api and the worker, with our environment and what was found out or made up here; starts nothing."""
    env = os.environ | {
        "DATABASE_URL": run.database_url,
        "REDIS_URL": run.redis_url,
        "EMPROPS_SERVER": "",  # the worker here works here
        "PORT": str(settings.port),
        "EMPROPS_DATA_DIR": str(data_dir),
        "EMPROPS_WORKER_GRACE": str(min(settings.worker_grace, WORKER_GRACE)),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "emprops.cli.main"]
    return [Child(name, [*command, name], log=logs / f"{name}.log", env=env) for name in ("api", "worker")]


def refuse_taken_port(host: str, port: int) -> None:
    """Raise :class:`LocalError` if nothing can listen there."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"on {host} cannot be used ({error.strerror})"
        raise LocalError(f"Port {port} {reason}: stop what uses it, or choose another with PORT=….") from error


def wait_for_answer(settings: Settings, api: Child, path: str, timeout: float, stopping: StopFlag) -> None:
    """Return when the api answers ``GET path`` with success.

    Raises :class:`LocalError` with the reason when it ends, or does not within ``timeout`` seconds.
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}{path}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    give_up = time.monotonic() + timeout
    while True:
        check(stopping)
        try:
            opener.open(url, timeout=5).close()
            return
        except OSError as error:  # URLError and HTTPError are
            ended = api.process is not None and api.process.poll() is not None
            if ended or time.monotonic() > give_up:
                reason = last_line(api.log) if ended else refusal(error)
                raise LocalError(f"The api did not start ({reason}); its log is {api.log}") from error
        stopping.wait(0.05)


def refusal(error: OSError) -> str:
    """Return the sentence of a failure envelope, or what the error says for itself."""
    if isinstance(error, HTTPError):
        with suppress(ValueError, KeyError, TypeError):
            return str(json.load(error)["error"])
    return str(error)


def check(stopping: StopFlag) -> None:
    """Raise :class:`Stopped` once the end was asked for."""
    if stopping.is_set():
        raise Stopped
