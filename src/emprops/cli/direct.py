"""Commands that work on the installation itself: they reach its PostgreSQL and Redis, and ask no api."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.cli.db import database_url
from emprops.cli.exits import fail, one_sentence, read_settings
from emprops.errors import AppError
from emprops.kit import migrate
from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.local.run import read_run
from emprops.settings import Settings

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Engines:
    """What such a command works with."""

    settings: Settings
    database: Database
    redis: Redis


def redis_url(settings: Settings) -> str:
    """Return REDIS_URL, else the Redis of the installation running here; ends the command if there is neither."""
    run = read_run(settings.data_dir)
    url = settings.redis_url or (run.redis_url if run else "")
    if not url:
        fail("No running installation was found here: start one with `emprops up`, or set REDIS_URL.")
    return url


def with_engines(action: Callable[[Engines], Awaitable[Result]]) -> Result:
    """Do something with both engines. A refusal or an outage ends the command with one sentence."""
    settings = read_settings()
    with one_sentence():
        url = database_url()
        if not migrate.is_current(url):
            fail("The database is not at this version's revision: run `emprops db upgrade`.")
        try:
            return asyncio.run(_do(settings, url, redis_url(settings), action))
        except RedisError as error:
            fail(f"Redis at REDIS_URL cannot be used: {error}")
        except AppError as error:
            fail(error.message)


async def _do(
    settings: Settings, database_url: str, redis_url: str, action: Callable[[Engines], Awaitable[Result]]
) -> Result:
    database, redis = Database(database_url, size=2), connect(redis_url)
    try:
        await database.open()
        return await action(Engines(settings, database, redis))
    finally:
        await redis.aclose()
        await database.close()
