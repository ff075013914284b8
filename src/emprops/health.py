"""Two questions of a load balancer: is the process alive (``/health``), and can it serve (``/ready``)?"""

from dataclasses import dataclass

import psycopg

from emprops import __version__
from emprops.auth.dependencies import PublicRoute
from emprops.errors import UnavailableError
from emprops.kit.migrate import known_revisions
from emprops.kit.redis import eviction_policy
from emprops.kit.web.endpoint import Resources, Shared, router
from emprops.kit.web.envelope import REDIS_UNAVAILABLE, Envelope, failures, ok
from emprops.kit.web.schema import Schema

EVICTS = "Redis may drop parts of the queue when its memory is full (maxmemory-policy {policy}): set noeviction."

routes = router(tags=["health"], dependencies=[PublicRoute])


class Health(Schema):
    """Answer of ``/health``."""

    status: str = "ok"
    """`ok`."""
    version: str = __version__
    """The version of the api."""


class Readiness(Schema):
    """Answer of ``/ready``."""

    status: str = "ok"
    """`ok`."""
    parts: dict[str, str]
    """``ok``, for each part that was looked at."""
    warnings: list[str]
    """What works, but should not stay so."""


@dataclass(frozen=True, slots=True)
class State:
    """What this process needs: ``ok`` or what is wrong, by part, and what works but should not stay so."""

    parts: dict[str, str]
    warnings: list[str]

    @property
    def missing(self) -> dict[str, str]:
        """The parts that cannot be used."""
        return {part: state for part, state in self.parts.items() if state != "ok"}


@routes.get("/health", operation_id="getHealth")
async def health() -> Envelope[Health]:
    """Answer that the process runs; it looks at nothing else."""
    return ok(Health())


@routes.get(
    "/ready",
    operation_id="getReadiness",
    responses=failures(_503="Something this process needs is missing; `details` says what."),
)
async def ready(resources: Shared) -> Envelope[Readiness]:
    """Return whether PostgreSQL (migrated), Redis and the file store can be used.

    The file store is tried by storing, reading and removing a file, every 15 seconds at most.
    """
    state = await state_of(resources)
    if missing := state.missing:
        sentence = "; ".join(f"{part}: {state}" for part, state in missing.items())
        raise UnavailableError(f"Not ready: {sentence}.", extra={"details": missing})
    return ok(Readiness(parts=state.parts, warnings=state.warnings))


async def state_of(resources: Resources) -> State:
    """Look at PostgreSQL, Redis and the file store."""
    redis, warnings = await _redis(resources)
    parts = {
        "postgresql": await _postgresql(resources),
        "redis": redis,
        "storage": await resources.storage_state.get(resources.storage),
    }
    return State(parts, warnings)


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
    return "ok"  # also at a revision of a newer version, next to which this one serves until it is replaced


async def _redis(resources: Resources) -> tuple[str, list[str]]:
    """Return the state of Redis, and what should be said about it."""
    try:
        policy = await eviction_policy(resources.redis)
    except REDIS_UNAVAILABLE as error:
        return f"away ({type(error).__name__})", []
    return "ok", [] if policy is None else [EVICTS.format(policy=policy)]
