"""Commands that work on the installation itself: they reach its PostgreSQL and Redis, and ask no api."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import structlog

from emprops.cli.exits import fail, one_sentence, read_settings
from emprops.kit import migrate
from emprops.kit.database import Database, Transaction
from emprops.local.run import read_run
from emprops.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Engines:
    """What such a command works with."""

    settings: Settings
    database: Database
    redis: "Redis"


def with_engines(action: Callable[[Engines], Awaitable[Result]]) -> Result:
    """Do something with both engines. A refusal or an outage ends the command with one sentence."""
    settings = _prepared()
    with one_sentence():
        return asyncio.run(_with_engines(settings, current_database(settings), redis_url(settings), action))


def with_transaction(action: Callable[[Transaction, Settings], Awaitable[Result]]) -> Result:
    """Do something in one transaction. A refusal or an outage ends the command with one sentence."""
    settings = _prepared()
    with one_sentence():
        return asyncio.run(_with_transaction(settings, current_database(settings), action))


def with_redis(action: Callable[["Redis", Settings], Awaitable[Result]]) -> Result:
    """Do something with Redis alone. An outage ends the command with one sentence."""
    settings = _prepared()
    with one_sentence():
        return asyncio.run(_with_redis(settings, redis_url(settings), action))


def database_url(settings: Settings) -> str:
    """Return DATABASE_URL, else the database of the installation running here; ends the command if there is none."""
    run = read_run(settings.data_dir)
    url = settings.database_url or (run.database_url if run else "")
    if not url:
        fail("There is no database to look at: set DATABASE_URL, or start one with `emprops up`.")
    return url


def current_database(settings: Settings) -> str:
    """Return the same, of a database whose schema is that of this version."""
    url = database_url(settings)
    if not migrate.is_current(url):
        fail("The database is not at this version's revision: run `emprops db upgrade`.")
    return url


def redis_url(settings: Settings) -> str:
    """Return REDIS_URL, else the Redis of the installation running here; ends the command if there is neither."""
    run = read_run(settings.data_dir)
    url = settings.redis_url or (run.redis_url if run else "")
    if not url:
        fail("No running installation was found here: start one with `emprops up`, or set REDIS_URL.")
    return url


def _prepared() -> Settings:
    """Read the settings, and let warnings of what is used here go to stderr: stdout is for the result."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return read_settings()


async def _with_engines(
    settings: Settings, database_url: str, redis_url: str, action: Callable[[Engines], Awaitable[Result]]
) -> Result:
    from emprops.kit.redis import connect  # noqa: PLC0415 - its client takes long to import, and some do without

    async with aclosing(connect(redis_url)) as redis:
        database = Database(database_url, size=2)
        try:
            await database.open()
            return await action(Engines(settings, database, redis))
        finally:
            await database.close()


async def _with_transaction(
    settings: Settings, database_url: str, action: Callable[[Transaction, Settings], Awaitable[Result]]
) -> Result:
    database = Database(database_url, size=2)
    try:
        await database.open()
        async with database.transaction() as tx:
            return await action(tx, settings)
    finally:
        await database.close()


async def _with_redis(
    settings: Settings, redis_url: str, action: Callable[["Redis", Settings], Awaitable[Result]]
) -> Result:
    from emprops.kit.redis import connect  # noqa: PLC0415 - as above

    async with aclosing(connect(redis_url)) as redis:
        return await action(redis, settings)
