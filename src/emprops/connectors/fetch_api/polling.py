"""Work that an API only begins: it is remembered, and asked for until its result is there."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emprops.connectors.base import FinalError, RetryableError, RunContext
from emprops.connectors.fetch_api.answers import Answer, FileAnswer
from emprops.connectors.fetch_api.calls import Caller, ForgottenError, Pending
from emprops.connectors.fetch_api.definition import Polling, Request
from emprops.connectors.fetch_api.expressions import ExpressionError, Jq

MAX_MISSES = 5
"""How many polls in a row may fail before the run does: the work goes on there all the same."""
ASKED, DONE = 10.0, 95.0
"""Progress once the API took the request, and once it gave the result."""
PARAMS = "params"
"""What is remembered of the work: never a URL, as secrets are sent to where the definition says."""

Pause = Callable[[float], Awaitable[None]]


async def evaluate(jq: Jq, document: bytes, expressions: Mapping[str, str]) -> dict[str, list[Any]]:
    """Evaluate expressions over an answer. Raises :class:`FinalError`."""
    try:
        return await jq.evaluate(document, expressions)
    except ExpressionError as error:
        raise FinalError(f"{error}.") from None


def remembered_params(context: RunContext, polling: Polling) -> dict[str, str] | None:
    """Return what an earlier attempt remembered to poll with; None if it began nothing, or something else."""
    found = (context.remembered or {}).get(PARAMS)
    if not isinstance(found, dict) or found.keys() != polling.params.keys():
        return None
    return found if all(isinstance(value, str) for value in found.values()) else None


@dataclass(frozen=True, slots=True)
class Poller:
    """One run's dealings with the API once its work has begun there."""

    caller: Caller
    jq: Jq
    context: RunContext
    polling: Polling
    output: str
    """The expression that says where the result is."""
    wanted: str
    pause: Pause = asyncio.sleep
    began: float = field(default_factory=time.monotonic)

    @property
    def file(self) -> Path:
        """Where an answer goes that is a file."""
        return self.context.folder / "answer"

    async def begun(self, first: Answer | FileAnswer) -> dict[str, str]:
        """Read from the first answer what to poll with, and remember it: a later attempt then goes on polling."""
        document = first.document if isinstance(first, Answer) else b"null"
        params = await self._params(document, self.polling.params, "api.polling.params")
        await self.context.remember({PARAMS: params})
        return params

    async def poll(self, params: Mapping[str, str], *, at_once: bool = False) -> list[Any] | FileAnswer:
        """Ask until there is a result: a file, or what the output expression says it is.

        ``at_once``: ask before the first interval is over, as the work began some time ago.
        """
        wait = 0.0 if at_once else self.polling.interval
        while True:
            answer = await self._ask(self.polling.request, params, wait)
            if isinstance(answer, FileAnswer):
                return answer
            wait = self.polling.interval
            if await self._goes_on(answer):
                continue
            if self.polling.result is not None:
                return await self._result(answer, params)
            values = await self._output(answer)
            if self.polling.continue_when is None and all(value in (None, [], "") for value in values):
                continue
            return values

    async def _result(self, status: Answer, params: Mapping[str, str]) -> list[Any] | FileAnswer:
        """Fetch the result from where the API keeps it once its status says that it is done."""
        result = self.polling.result
        assert result is not None  # noqa: S101 - as the caller saw
        own = await self._params(status.document, result.params, "api.polling.result.params")
        answer = await self._ask(result.request, {**params, **own}, 0.0)
        return answer if isinstance(answer, FileAnswer) else await self._output(answer)

    async def _ask(self, request: Request, params: Mapping[str, str], wait: float) -> Answer | FileAnswer:
        """Send a request until its answer is another than "not yet"."""
        misses = 0
        while True:
            await self._wait(wait)
            try:
                answer = await self.caller.call(request, None, params, file=self.file, wanted=self.wanted, polls=True)
            except RetryableError as error:
                misses += 1
                if misses == MAX_MISSES:
                    if isinstance(error, ForgottenError):
                        await self.context.remember(None)
                    raise
                later = error.retry_after
            else:
                if not isinstance(answer, Pending):
                    return answer
                misses, later = 0, answer.retry_after
            wait = min(max(self.polling.interval, later or 0.0), self.polling.timeout)

    async def _wait(self, seconds: float) -> None:
        if seconds:
            await self.pause(seconds)
        if self.context.cancelled():
            raise RetryableError("The run was told to stop.")
        limit = self.polling.timeout
        elapsed = time.monotonic() - self.began
        if elapsed > limit:
            raise FinalError(f"The API gave no result within {limit:g} seconds (api.polling.timeout).")
        share = 1 - math.exp(-3 * elapsed / limit)
        self.context.progress(ASKED + (DONE - ASKED) * share, "Waiting for the result")

    async def _goes_on(self, answer: Answer) -> bool:
        """Whether the status says that the work is not done. Raises :class:`FinalError` if it says that it failed."""
        asked = {"stopWhenExpr": self.polling.stop_when, "continueWhenExpr": self.polling.continue_when}
        given = {name: text for name, text in asked.items() if text is not None}
        said = await evaluate(self.jq, answer.document, given) if given else {}
        if _true(said.get("stopWhenExpr")):
            text = answer.document.decode()[:500]
            raise FinalError("The API says that the work failed (api.polling.stopWhenExpr).", details={"answer": text})
        return _true(said.get("continueWhenExpr"))

    async def _output(self, answer: Answer) -> list[Any]:
        return (await evaluate(self.jq, answer.document, {"outputExprJq": self.output}))["outputExprJq"]

    async def _params(self, document: bytes, wanted: Mapping[str, str], where: str) -> dict[str, str]:
        found = await evaluate(self.jq, document, wanted) if wanted else {}
        return {name: _param(f"{where}.{name}", values) for name, values in found.items()}


def _true(values: list[Any] | None) -> bool:
    return bool(values) and values[0] not in (None, False)  # type: ignore[index]


def _param(where: str, values: list[Any]) -> str:
    value = values[0] if values else None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        raise FinalError(f"The API's answer has no value for {where}.")
    return str(value)
