"""Starts that arrive at the same time share a transaction.

A start that comes alone begins at once. What comes while one is under way goes together in the next transaction: the
statements are those of one start, with many rows, so each start costs a fraction of what it would cost alone. One that
cannot start gets its own error, and the others do not notice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from emprops.credits import service as credit
from emprops.errors import AppError
from emprops.kit.database import Database, Transaction
from emprops.kit.database_errors import is_contention, is_outage
from emprops.kit.gathered import Gathered
from emprops.kit.telemetry import tracing
from emprops.kit.web.parts import Part
from emprops.orchestrator.start.request import Ask, Started
from emprops.orchestrator.start.start import Answer, start_all, started
from emprops.orchestrator.tickets import Dispatcher

log = structlog.get_logger(__name__)

MOST: Final = 50
"""Starts in one transaction."""
COMPANY: Final = 0.002
"""Seconds that a start waits for others where several came at once before: clients who were answered together come back
together, and the first of them would otherwise have a transaction of its own while the others wait for it."""
LOCK_PATIENCE: Final = 0.2
"""Seconds that a transaction of many waits for a lock; then each of them waits for what it needs alone."""


class Starts:
    """Starts generations, each with its own result, and several in one transaction where they come at once."""

    def __init__(self, database: Database, dispatcher: Dispatcher, terms: credit.Terms) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._terms = terms
        self._together: Gathered[Ask, Answer | None] = Gathered(self._start, MOST, company=COMPANY)

    async def __call__(self, ask: Ask, own: Transaction | None = None) -> Started:
        """Start a generation; ``own`` is the transaction in which it has to be stored, if not together with others and
        committed when this returns. Raises the errors of ``errors.py`` that the contract names for it."""
        with tracing.span("generation.start") as span:
            if trace := tracing.current():
                ask = replace(ask, request=replace(ask.request, trace=trace))
            if own is not None:
                answer: Answer | None = await self._in(own, ask)
            else:
                (answer,) = await self._together([ask])
            result = started(await self._alone(ask) if answer is None else answer)
            tracing.describe(span, {"emprops.job_id": str(result.job_id)})
            return result

    async def _start(self, asks: Sequence[Ask]) -> Sequence[Answer | None]:
        """Start several; None for each that is to be tried alone, because something came in between."""
        if len(asks) == 1:
            return [await self._alone(asks[0])]
        try:
            async with self._database.transaction(lock_timeout=LOCK_PATIENCE, by_key=True) as tx:
                return await start_all(tx, asks, terms=self._terms, dispatcher=self._dispatcher)
        except AppError:
            return [None] * len(asks)
        except Exception as error:
            if is_outage(error) and not is_contention(error):
                raise
            log.info("starts separated", error=f"{type(error).__name__}: {error}", starts=len(asks))
            return [None] * len(asks)

    async def _alone(self, ask: Ask) -> Answer:
        async with self._database.transaction(by_key=True) as tx:
            answer = await self._in(tx, ask)
        await asyncio.sleep(0)  # the ticket goes to Redis first, so the reply is made while a worker has it
        return answer

    async def _in(self, tx: Transaction, ask: Ask) -> Answer:
        (answer,) = await start_all(tx, [ask], terms=self._terms, dispatcher=self._dispatcher)
        return answer


STARTS: Part[Starts] = Part("starts")
