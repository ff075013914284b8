"""Two questions of a load balancer: is the process alive (``/health``), and can it serve (``/ready``)?"""

import psycopg
from pydantic import BaseModel

from emprops import __version__
from emprops.auth.dependencies import PublicRoute
from emprops.errors import UnavailableError
from emprops.kit.envelope import REDIS_UNAVAILABLE, Envelope, failures, ok
from emprops.kit.migrate import known_revisions
from emprops.kit.requests import Resources, Shared, router

routes = router(tags=["health"], dependencies=[PublicRoute])


class Alive(BaseModel):
    """Answer of ``/health``."""

    status: str = "ok"
    version: str = __version__


class Ready(BaseModel):
    """Answer of ``/ready``: every part that was looked at."""

    status: str = "ok"
    parts: dict[str, str]


@routes.get("/health")
async def health() -> Envelope[Alive]:
    """Tell that the process answers; it looks at nothing else."""
    return ok(Alive())


@routes.get("/ready", responses=failures(_503="Something this process needs is missing; `details` says what."))
async def ready(resources: Shared) -> Envelope[Ready]:
    """Tell whether PostgreSQL (migrated), Redis and the file store can be used."""
    parts = {
        "postgresql": await _postgresql(resources),
        "redis": await _redis(resources),
        "storage": await _storage(resources),
    }
    missing = {part: state for part, state in parts.items() if state != "ok"}
    if missing:
        sentence = "; ".join(f"{part} is {state}" for part, state in missing.items())
        raise UnavailableError(f"Not ready: {sentence}.", extra={"details": missing})
    return ok(Ready(parts=parts))


async def _postgresql(resources: Resources) -> str:
    try:
        async with resources.database.reader() as reader:
            revision = await reader.fetch_value("SELECT version_num FROM alembic_version")
    except psycopg.errors.UndefinedTable:
        return "not migrated; run 'emprops db upgrade'"
    except psycopg.Error as error:
        return f"away ({type(error).__name__})"
    newest = known_revisions()[-1]
    if revision is None or revision < newest:
        return f"at revision {revision}, this version needs {newest}; run 'emprops db upgrade'"
    return "ok"  # also at a revision of a newer version, beside which this one serves until it is replaced


async def _redis(resources: Resources) -> str:
    try:
        await resources.redis.ping()
    except REDIS_UNAVAILABLE as error:
        return f"away ({type(error).__name__})"
    return "ok"


async def _storage(resources: Resources) -> str:
    try:
        await resources.storage.check()
    except OSError as error:
        return f"unusable ({type(error).__name__})"
    return "ok"
