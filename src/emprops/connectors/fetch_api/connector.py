"""Any HTTP API as a service: a request whose answer is the result, or one that starts work and others that ask for it.

``definition.py`` says what a workflow may define, ``secrets.py`` how keys stay out of it.
"""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from emprops.connectors.base import (
    BadInputError,
    Capabilities,
    FinalError,
    Health,
    Outcome,
    RetryableError,
    RunContext,
)
from emprops.connectors.fetch_api.answers import Answer, FileAnswer
from emprops.connectors.fetch_api.calls import MAX_ANSWER_BYTES, Caller
from emprops.connectors.fetch_api.definition import Definition, DefinitionError, Polling, read
from emprops.connectors.fetch_api.expressions import ExpressionError, Jq
from emprops.connectors.fetch_api.results import Collector
from emprops.connectors.fetch_api.secrets import Secrets
from emprops.kit.http import GuardedClient
from emprops.kit.outbound import Allowed
from emprops.queue.messages import Ticket
from emprops.settings import Settings

MAX_MISSES = 5
"""How many polls in a row may fail before the run does: the work goes on there all the same."""
ASKED, DONE = 10.0, 95.0
"""Progress once the API took the request, and once it gave the result."""

Pause = Callable[[float], Awaitable[None]]


class FetchApi:
    """Connector for the job type ``fetch_api``. Payload: ``api``, ``body``, ``output_mime_type``."""

    name: ClassVar[str] = "fetch_api"

    def __init__(
        self,
        settings: Settings,
        *,
        client: GuardedClient | None = None,
        secrets: Secrets | None = None,
        pause: Pause = asyncio.sleep,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self.job_types = frozenset({"fetch_api"})
        self._client = client or GuardedClient(settings)
        self._secrets = secrets or Secrets.from_environment(os.environ, Allowed.parse(settings.outbound_allow))
        self._max_file_bytes = settings.max_result_bytes
        self._caller = Caller(self._client, self._secrets, max_answer_bytes, self._max_file_bytes)
        self._jq = Jq()
        self._pause = pause

    async def check(self) -> Health:
        """Ready as long as jq is."""
        try:
            await self._jq.evaluate(b"null", {"check": "."})
        except ExpressionError as error:
            return Health(ok=False, message=f"jq does not work: {error}")
        return Health(ok=True, message=f"{len(self._secrets.by_name)} secrets.")

    async def capabilities(self) -> Capabilities:
        """Whatever the API has; model requirements are met."""
        return Capabilities()

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """Call the API and bring its result here.

        Raises :class:`BadInputError` for a payload that says no proper request, :class:`RetryableError` when the API
        is away or busy, :class:`FinalError` when it refuses or fails.
        """
        definition = _definition(ticket.payload)
        wanted = str(ticket.payload.get("output_mime_type") or "")
        run = _Run(self._caller, self._jq, self._pause, context, wanted)
        collector = Collector(self._client, context, wanted, self._max_file_bytes, self._secrets)
        context.progress(0.0, "Calling the API")
        answer = await self._caller.call(definition.request, ticket.payload.get("body"), file=run.file, wanted=wanted)
        if definition.polling is not None:
            context.progress(ASKED, "Waiting for the result")
            found: list[Any] | FileAnswer = await run.poll(definition.polling, definition.output, answer)
        elif isinstance(answer, FileAnswer):
            found = answer
        else:
            found = (await run.evaluate(answer.document, {"outputExprJq": definition.output}))["outputExprJq"]
        context.progress(DONE, "Fetching the result")
        if isinstance(found, FileAnswer):
            outcome = await collector.produced(found.path, found.mime_type)
        else:
            outcome = await collector.collect(found)
        context.progress(100.0)
        return outcome

    async def close(self) -> None:
        """End the jq process, and close connections."""
        await self._jq.close()
        await self._client.close()


def _definition(payload: Mapping[str, Any]) -> Definition:
    try:
        return read(payload.get("api"))
    except DefinitionError as error:
        raise BadInputError(f"{'; '.join(error.problems[:5])}.") from None


@dataclass(frozen=True, slots=True)
class _Run:
    """One run's dealings with the API after its first request."""

    caller: Caller
    jq: Jq
    pause: Pause
    context: RunContext
    wanted: str

    @property
    def file(self) -> Path:
        """Where an answer goes that is a file."""
        return self.context.folder / "answer"

    async def evaluate(self, document: bytes, expressions: Mapping[str, str]) -> dict[str, list[Any]]:
        """Evaluate expressions over an answer."""
        try:
            return await self.jq.evaluate(document, expressions)
        except ExpressionError as error:
            raise FinalError(f"{error}.") from None

    async def poll(self, polling: Polling, output: str, first: Answer | FileAnswer) -> list[Any] | FileAnswer:
        """Ask until there is a result: a file, or what the output expression says it is."""
        document = first.document if isinstance(first, Answer) else b"null"
        found = await self.evaluate(document, polling.params) if polling.params else {}
        params = {name: _param(name, values) for name, values in found.items()}
        began = time.monotonic()
        misses = 0
        wait = polling.interval
        while True:
            await self.pause(wait)
            if self.context.cancelled():
                raise RetryableError("The run was told to stop.")
            elapsed = time.monotonic() - began
            if elapsed > polling.timeout:
                raise FinalError(f"The API gave no result within {polling.timeout:g} seconds (api.polling.timeout).")
            share = 1 - math.exp(-3 * elapsed / polling.timeout)
            self.context.progress(ASKED + (DONE - ASKED) * share, "Waiting for the result")
            wait = polling.interval
            try:
                answer = await self.caller.call(
                    polling.request, None, params, file=self.file, wanted=self.wanted, polls=True
                )
            except RetryableError as error:
                misses += 1
                if misses == MAX_MISSES:
                    raise
                wait = min(max(wait, error.retry_after or 0.0), polling.timeout)
                continue
            if isinstance(answer, FileAnswer):
                return answer
            misses = 0
            values = await self._result(polling, output, answer)
            if values is not None:
                return values

    async def _result(self, polling: Polling, output: str, answer: Answer) -> list[Any] | None:
        asked = {"stopWhenExpr": polling.stop_when, "continueWhenExpr": polling.continue_when}
        given = {name: text for name, text in asked.items() if text is not None}
        said = await self.evaluate(answer.document, given) if given else {}
        if _true(said.get("stopWhenExpr")):
            text = answer.document.decode()[:500]
            raise FinalError("The API says that the work failed (api.polling.stopWhenExpr).", details={"answer": text})
        if _true(said.get("continueWhenExpr")):
            return None
        values = (await self.evaluate(answer.document, {"outputExprJq": output}))["outputExprJq"]
        if polling.continue_when is None and all(value in (None, [], "") for value in values):
            return None
        return values


def _true(values: list[Any] | None) -> bool:
    return bool(values) and values[0] not in (None, False)  # type: ignore[index]


def _param(name: str, values: list[Any]) -> str:
    value = values[0] if values else None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        raise FinalError(f"The API's first answer has no value for api.polling.params.{name}.")
    return str(value)
