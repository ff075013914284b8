"""What this worker's connectors have to offer: asked at the start, and again all the time it runs.

A service that is away offers nothing, so its steps wait for it instead of failing, and say so. A connector that fails
of being asked, in whatever way, costs its own job types and nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.exceptions import RedisError

from emprops.connectors.base import Capabilities, Connector, ConnectorError
from emprops.kit.tasks import run_together
from emprops.queue import bounds
from emprops.queue.matching import Offer, WorkerOffers

log = structlog.get_logger(__name__)

INTERVAL = 20.0
"""Seconds between two questions to a connector."""
LIMIT = 90.0
"""Seconds that a connector may take to answer. ComfyUI says nothing while it loads a model."""
FIRST = 10.0
"""The same when the worker starts; one that takes longer is heard later."""
SHOWING_INTERVAL = 5.0
"""Seconds between two times that a worker says its node catalogue still counts."""

OK = "ok"

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one connector said."""

    health: str
    """``ok``, or what is wrong."""
    offer: Offer | None = None
    """None while it can take no work."""
    catalogue: bytes = b""


@dataclass(frozen=True, slots=True)
class Survey:
    """What all connectors said last."""

    offers: WorkerOffers
    health: Mapping[str, str]
    """Connector name -> ``ok`` or what is wrong with it."""
    catalogues: frozenset[bytes] = frozenset()
    """What graphs can be made of here."""


@dataclass(slots=True, eq=False)
class Asked:
    """One connector, which is never asked twice at a time."""

    connector: Connector
    answer: Answer = Answer("not asked yet")
    _open: set[asyncio.Task[Any]] = field(default_factory=set)
    """Questions that it has not answered, though they were given up."""

    async def ask(self, limit: float = LIMIT) -> bool:
        """Ask how it is and what it has. Whatever it raises becomes the answer, and so does its silence.

        Returns whether the answer is another one than before.
        """
        self._open = {task for task in self._open if not task.done()}
        before, self.answer = self.answer, _silent(limit) if self._open else await self._ask(limit)
        if self.answer.offer is None and self.answer.health != before.health:
            log.warning("connector unavailable", connector=self.connector.name, reason=self.answer.health)
        return self.answer != before

    async def _ask(self, limit: float) -> Answer:
        questions = self._is_well(), self._has()
        tasks = [asyncio.create_task(_caught(question)) for question in questions]
        try:
            _, self._open = await asyncio.wait(tasks, timeout=limit)
        except asyncio.CancelledError:
            self._open = set(tasks)
            raise
        finally:
            for task in self._open:
                task.cancel()
        if self._open:
            return _silent(limit)
        well, has = (task.result() for task in tasks)
        return has if well.health == OK else well

    async def _is_well(self) -> Answer:
        health = await self.connector.check()
        return Answer(OK if health.ok else _said(health.message))

    async def _has(self) -> Answer:
        found = await self.connector.capabilities()
        return Answer(OK, _offer_of(found, self.connector.name), bytes(found.catalogue))


class Surveyor:
    """Asks all connectors, each by itself and side by side with the others."""

    def __init__(self, by_job_type: Mapping[str, Connector], others: Sequence[Connector] = ()) -> None:
        self._by_job_type = by_job_type
        self._asked = {connector.name: Asked(connector) for connector in (*others, *by_job_type.values())}

    @property
    def survey(self) -> Survey:
        """What all of them said last."""
        answers = {name: asked.answer for name, asked in self._asked.items()}
        offers = {job_type: answers[connector.name].offer for job_type, connector in self._by_job_type.items()}
        return Survey(
            {job_type: offer for job_type, offer in offers.items() if offer is not None},
            {name: answer.health for name, answer in answers.items()},
            frozenset(answer.catalogue for answer in answers.values()) - {b""},
        )

    async def ask(self, limit: float = FIRST) -> Survey:
        """Ask all of them once."""
        await asyncio.gather(*(asked.ask(limit) for asked in self._asked.values()))
        return self.survey

    async def keep_asking(self, tell: Callable[[Survey], None], pause: Pause = asyncio.sleep) -> None:
        """Ask again and again, and tell of each change."""
        await run_together({name: self._keep_asking(asked, tell, pause) for name, asked in self._asked.items()})

    async def _keep_asking(self, asked: Asked, tell: Callable[[Survey], None], pause: Pause) -> None:
        while True:
            await pause(INTERVAL)
            had = self.survey.offers.keys()
            if await asked.ask():
                found = self.survey
                gone, come = sorted(had - found.offers.keys()), sorted(found.offers.keys() - had)
                log.info("offers changed", gone=gone, come=come, health=dict(found.health))
                tell(found)


async def keep_showing(
    known: Callable[[], Survey], show: Callable[[bytes], Awaitable[None]], pause: Pause = asyncio.sleep
) -> None:
    """Show the catalogues that are known, again and again: what nobody shows any more is forgotten."""
    while True:
        for packed in known().catalogues:
            try:
                await show(packed)
            except (RedisError, OSError) as error:
                log.warning("node catalogue not shown", error=str(error))
        await pause(SHOWING_INTERVAL)


async def _caught(question: Coroutine[Any, Any, Answer]) -> Answer:
    try:
        return await question
    except ConnectorError as error:
        return Answer(_said(error.message))
    except OSError as error:
        return Answer(_said(f"{type(error).__name__}: {error}"))
    except BaseException as error:  # SystemExit too, which would end the process
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        log.warning("connector check failed", exc_info=True)
        return Answer(_said(f"failed unexpectedly: {type(error).__name__}: {error}"))


def _said(reason: str) -> str:
    return bounds.line(reason, bounds.MAX_REASON) or "not available"


def _silent(limit: float) -> Answer:
    return Answer(f"did not answer within {limit:g} seconds")


def _offer_of(found: Capabilities, name: str) -> Offer:
    """Read what a connector has. What cannot be told of it is left out: else nothing could be told of the worker."""
    models, strange_models = (None, 0) if found.models is None else bounds.names(found.models)
    nodes, strange_nodes = (None, 0) if found.custom_nodes is None else bounds.names(found.custom_nodes)
    extra = [pair for pair in found.extra.items() if all(map(bounds.is_name, pair))][: bounds.MAX_CAPABILITIES]
    strange = {"models": strange_models, "nodes": strange_nodes, "capabilities": len(found.extra) - len(extra)}
    if any(strange.values()):
        log.warning("names of a connector left out", connector=name, **strange)
    return Offer(models, nodes, tuple(sorted(extra)))
