"""The orchestrator's side of the queue: put tickets in, take them back, re-offer what lapsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from redis.asyncio import Redis

from emprops.kit.chunks import chunks
from emprops.kit.gathered import Gathered
from emprops.queue.keys import KEYS
from emprops.queue.matching import order_score, ticket_signature
from emprops.queue.messages import Ticket
from emprops.queue.scripts import Argument, Scripts

HELD_BACK_LIFE = 60
"""Seconds for which the numbers of steps that are kept out of the queue are believed."""
EnqueueAnswer = Literal["new", "known", "finished", "stale"]

BATCH = 500
"""Tickets per enqueue script call: bounds how long one call keeps Redis busy (about 10 µs a ticket)."""


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What one sweep over lapsed leases and due retries did."""

    offered: int
    given_up: int
    promoted: int


class Queue:
    """Dispatch: order, claims and leases. Everything in it can be rebuilt from PostgreSQL.

    ``affinity_wait``: seconds for which a new ticket is left for waiting workers that have its models loaded.
    """

    def __init__(
        self, redis: Redis, *, prefix: str = "emprops:", attestation_days: int = 30, affinity_wait: float = 0.0
    ) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix
        self.scripts = Scripts(redis, prefix)
        self.keep = attestation_days * 86_400
        self.hold_ms = int(affinity_wait * 1000)
        self._enqueue = Gathered(self._send, BATCH)

    async def enqueue(self, tickets: Sequence[Ticket]) -> list[EnqueueAnswer]:
        """Put tickets into their waiting order. Idempotent by (id, run); a ticket that has its attestation already is
        reported again instead of run again. Raises redis-py connection errors."""
        answers: list[EnqueueAnswer] = []
        for some in chunks(tickets, BATCH):
            answers += await self._enqueue([_ticket_arguments(ticket) for ticket in some])
        return answers

    async def _send(self, tickets: Sequence[list[Argument]]) -> list[EnqueueAnswer]:
        arguments = [argument for ticket in tickets for argument in ticket]
        return [reply.decode() for reply in await self.scripts("enqueue", self.hold_ms, *arguments)]

    async def cancel(self, steps: Sequence[tuple[str, int]], reason: str) -> list[str]:
        """Take (step id, run) tickets out. Answers for each the state it was in: ``waiting``, ``claimed``, ``delayed``,
        ``dead`` or ``unknown``. A worker that has it learns of it within a heartbeat; its late report is refused."""
        if not steps:
            return []
        arguments: list[Argument] = [self.keep, orjson.dumps(reason)]
        for step_id, run in steps:
            arguments += [step_id, run]
        return [reply.decode() for reply in await self.scripts("cancel", *arguments)]

    async def reclaim(self, limit: int = 100) -> Reclaimed:
        """Re-offer steps whose lease lapsed, give up those lost too often, promote retries that are due."""
        return Reclaimed(*await self.scripts("reclaim", self.keep, limit))

    async def lift(self, age: float, *, part: int = 50, most: int = 100) -> int:
        """Let what has waited for so many seconds come before everything, whatever its priority: of each user the first
        ticket, at most ``most`` of each priority and signature. Returns how many."""
        signatures = await self.redis.zcard(self.prefix + KEYS.sigs)
        lifted = 0
        for first in range(0, signatures, part):
            lifted += await self.scripts("lift", int(age * 1000), first, part, most)
        return lifted

    async def forget(self, *, signature_age: float = 86_400.0, class_age: float = 3_600.0, limit: int = 100) -> int:
        """Drop signatures and worker classes unused for that many seconds. Returns how many went."""
        return sum(await self.scripts("forget", int(signature_age * 1000), int(class_age * 1000), limit))

    async def attestation(self, step_id: str, run: int) -> dict[str, Any] | None:
        """Read the attestation of one step and run: ``kind`` completed, failed or cancelled, and the report."""
        raw = await self.redis.get(f"{self.prefix}{KEYS.attestation}{step_id}:{run}")
        return None if raw is None else orjson.loads(raw)

    async def ticket_states(self, step_ids: Sequence[str]) -> list[str | None]:
        """State of each ticket in Redis (waiting, claimed, delayed, dead), None where there is no ticket."""
        pipe = self.redis.pipeline(transaction=False)
        for step_id in step_ids:
            pipe.hget(f"{self.prefix}{KEYS.ticket}{step_id}", "state")
        return [None if state is None else state.decode() for state in await pipe.execute()]

    async def show_held_back(self, counts: Mapping[str, int]) -> None:
        """Note, for those who look at the queue, how many steps of each job type are kept out of it."""
        key = self.prefix + KEYS.held_back
        pipe = self.redis.pipeline()
        pipe.delete(key)
        if counts:
            pipe.hset(key, mapping=dict(counts))
            pipe.expire(key, HELD_BACK_LIFE)
        await pipe.execute()

    async def has_epoch(self) -> bool:
        """Whether this Redis still holds what was put into it."""
        return bool(await self.redis.exists(self.prefix + KEYS.epoch))

    async def begin_epoch(self, epoch: str) -> bool:
        """Mark this Redis as holding our tickets. False if somebody else has done so."""
        return bool(await self.redis.set(f"{self.prefix}{KEYS.epoch}", epoch, nx=True))


def _ticket_arguments(ticket: Ticket) -> list[Argument]:
    signature, requirement = ticket_signature(ticket)
    context = ticket.workflow_context
    return [
        ticket.id,
        ticket.run,
        signature,
        requirement,
        order_score(context.workflow_priority, context.workflow_datetime),
        ticket.to_bytes(),
        context.workflow_id,
        ticket.attempts_before,
        ticket.limits.max_failures,
        ticket.limits.max_lost_claims,
        ticket.user,
        "" if ticket.weight == 1 else ticket.weight,
    ]
