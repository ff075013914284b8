"""Maintenance: a paused worker finishes what it runs and claims nothing until it is resumed.

The record is PostgreSQL's. Redis shows it to the workers, which look with every announcement (5 s).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.errors import NotFoundError
from emprops.fleet import store
from emprops.fleet.store import Pause
from emprops.kit.database import Database, Transaction
from emprops.queue.fleet import Fleet, WorkerInfo, pauses_of
from emprops.queue.keys import KEYS

log = structlog.get_logger(__name__)

WITHIN = 5
"""Seconds after which every worker that Redis reaches has heard."""
KEPT_DAYS = 7
"""How long the pause of a single worker is kept once the worker is gone: its id never comes back."""

Scope = Literal["all", "machine", "worker"]


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whom a pause or its end is about."""

    scope: Scope
    name: str
    """The machine's or worker's id; empty for ``all``."""
    workers: list[str]
    """Ids of the live ones."""
    still_paused: list[str]
    """Of these, the ones that another pause holds."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Pauses and resumes workers. Each change is committed first and shown to Redis then; what that misses, the duty
    :meth:`show` makes good."""

    database: Database
    redis: Redis
    prefix: str

    @property
    def fleet(self) -> Fleet:
        """The live workers."""
        return Fleet(self.redis, self.prefix)

    async def pause(self, scope: Scope, name: str = "", *, actor: str) -> Concerned:
        """Let these workers claim nothing more. Again, it changes nothing. ``actor`` is for the audit log.

        A machine need not be up: its workers will find the pause when they start. Raises
        :class:`~emprops.errors.NotFoundError` for a worker that is not live.
        """
        workers = await self._concerned(scope, name)
        if scope == "worker" and not workers:
            raise NotFoundError(f"There is no live worker {name}.")
        await self._change(lambda tx: _begin(tx, scope, name, actor))
        return Concerned(scope, name, [info.worker_id for info in workers], [])

    async def resume(self, scope: Scope, name: str = "", *, actor: str) -> Concerned:
        """Let these workers claim again, unless another pause holds them too; ``all`` ends every pause there is.

        Raises :class:`~emprops.errors.NotFoundError` if a worker or machine is not paused itself.
        """
        workers = await self._concerned(scope, name)
        left = await self._change(lambda tx: _end(tx, scope, name, actor))
        held = [info.worker_id for info in workers if not left.isdisjoint(pauses_of(info))]
        return Concerned(scope, name, [info.worker_id for info in workers], held)

    async def workers(self) -> list[tuple[WorkerInfo, list[str]]]:
        """List the live workers, each with the scopes of the pauses that concern it."""
        async with self.database.reader() as reader:
            paused = {_entry(one) for one in await store.pauses(reader)}
        return [
            (info, [entry.partition(":")[0] for entry in pauses_of(info) if entry in paused])
            for info in await self.fleet.workers()
        ]

    async def show(self) -> int:
        """Show Redis the pauses as they are. Returns 0: as a duty, it has nothing to tell."""
        async with self.database.reader() as reader:
            pauses = await store.pauses(reader)
        client: Any = self.redis  # redis-py types every reply as str or bytes or more
        pipe = client.pipeline(transaction=True)
        pipe.delete(self.prefix + KEYS.paused)
        if pauses:
            marks = {_entry(one): int(one.since.timestamp() * 1000) for one in pauses}
            pipe.hset(self.prefix + KEYS.paused, mapping=marks)
        await pipe.execute()
        return 0

    async def forget(self) -> int:
        """Drop old pauses of single workers that are gone. Returns how many."""
        live = [info.worker_id for info in await self.fleet.workers()]
        async with self.database.transaction() as tx:
            return await store.forget(tx, days=KEPT_DAYS, but=live)

    async def _concerned(self, scope: Scope, name: str) -> list[WorkerInfo]:
        entry = f"{scope}:{name}" if name else scope
        return [info for info in await self.fleet.workers() if entry in pauses_of(info)]

    async def _change(self, change: Callable[[Transaction], Awaitable[object]]) -> set[str]:
        """Make a change, then show it; returns the pauses there are now."""
        async with self.database.transaction() as tx:
            await change(tx)
            pauses = await store.pauses(tx)
        try:
            await self.show()
        except RedisError as error:
            log.warning("pause not shown to redis", error=str(error))
        return {_entry(one) for one in pauses}


async def _begin(tx: Transaction, scope: Scope, name: str, actor: str) -> None:
    if await store.add(tx, scope, name):
        await record(tx, actor, Action.WORKERS_PAUSED, _target(scope, name))


async def _end(tx: Transaction, scope: Scope, name: str, actor: str) -> None:
    if scope == "all":
        await store.remove_every(tx)
    elif not await store.remove(tx, scope, name):
        raise NotFoundError(f"The {scope} {name} is not paused.")
    await record(tx, actor, Action.WORKERS_RESUMED, _target(scope, name))


def _target(scope: Scope, name: str) -> str:
    return f"{scope}:{name}" if name else "workers"


def _entry(one: Pause) -> str:
    return f"{one.scope}:{one.name}" if one.name else one.scope
