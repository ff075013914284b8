"""Engines of a benchmark, set up as ``emprops up`` sets them up, in a folder of their own."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from emprops.kit import migrate
from emprops.local.postgres import Postgres, start_postgres
from emprops.local.redis import RedisServer, start_redis


@contextmanager
def folder() -> Iterator[Path]:
    """Lend a temporary folder. It goes when the process ends: for minutes after files were deleted, ext4 looks at each
    of them whenever it makes another one, which would slow down what is measured next."""
    name = tempfile.mkdtemp(prefix="emprops-bench-", dir="/tmp")
    atexit.register(shutil.rmtree, name, ignore_errors=True)
    yield Path(name)


@contextmanager
def redis_in(place: Path) -> Iterator[RedisServer]:
    """Lend a Redis that keeps an append-only file."""
    server = start_redis(place / "redis")
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def both_in(place: Path) -> Iterator[tuple[Postgres, RedisServer]]:
    """Lend a migrated PostgreSQL that flushes every commit, and a Redis that keeps an append-only file."""
    with ExitStack() as stack:
        postgres = start_postgres(place / "postgres")
        stack.callback(postgres.stop)
        redis = stack.enter_context(redis_in(place))
        migrate.upgrade(postgres.url)
        yield postgres, redis
