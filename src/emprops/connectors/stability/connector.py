"""Stability's REST API: pictures, enlargements and videos. Work that is only started is asked for until it is there.

The API has no way to stop work; a run that is cancelled stops asking.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeGuard

import httpx2
import orjson

from emprops.connectors.base import (
    Capabilities,
    ConnectorError,
    FinalError,
    Health,
    Outcome,
    Produced,
    RetryableError,
    RunContext,
)
from emprops.connectors.encoded import decoded
from emprops.connectors.hosted import (
    MAX_ANSWER_BYTES,
    Bounds,
    Hide,
    client_for,
    health_of,
    hidden,
    hiding,
    input_picture,
    media_type,
    picked_up,
    saved,
    status_error,
)
from emprops.connectors.stability.requests import Work, read
from emprops.queue.messages import Ticket
from emprops.settings import Settings

NAME = "Stability"
KINDS = ("application/json", "image/", "video/", "application/octet-stream")
IDLE_TIMEOUT = 120.0
CHECK_TIMEOUT = 10.0
POLL_INTERVAL = 10.0
"""Seconds between two looks at work that is only started, as the API asks for."""
MAX_MISSES = 5
"""How many looks in a row may fail before the run does: the work goes on there all the same."""
MAX_INPUT_BYTES = 10 * 1024 * 1024
LOCKED_OUT = 60.0
"""Seconds for which the API takes nothing more after too many requests; it does not always say so in a header."""
ID = "id"
LONGEST_ID = 200
ENCODED = ("image", "video", "result")
"""Keys of a result's content in JSON."""
STARTED, DONE = 10.0, 95.0
USUAL = 60.0
"""Seconds after which such work is taken to be two thirds done."""

Pause = Callable[[float], Awaitable[None]]


class StabilityApi:
    """Connector for ``stability_api``; ``requests.py`` has its payload."""

    name: ClassVar[str] = "stability"

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        """Return whether there is a key."""
        return bool(settings.stability_api_key.get_secret_value())

    def __init__(
        self,
        settings: Settings,
        *,
        idle: float = IDLE_TIMEOUT,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.job_types = frozenset({"stability_api"})
        key = settings.stability_api_key.get_secret_value()
        self._hide = hiding(key)
        self._http = client_for(
            settings.stability_base_url,
            KINDS,
            setting="EMPROPS_STABILITY_BASE_URL",
            idle=idle,
            bounds=Bounds(max_answer_bytes, settings.max_result_bytes),
        )
        self._http.headers["authorization"] = f"Bearer {key}"
        self._pause = pause

    async def check(self) -> Health:
        """Ask for the account's balance."""
        try:
            async with _translated(self._hide):
                answer = await self._http.get("/v1/user/balance", timeout=CHECK_TIMEOUT)
                _raise_for(answer.status_code, answer.headers, answer.content)
        except ConnectorError as error:
            return health_of(error)
        return Health(ok=True)

    async def capabilities(self) -> Capabilities:
        """Models are the service's own: requirements are met."""
        return Capabilities()

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """Make a picture or a video. Data: ``seed`` where told, ``finish_reason``.

        Raises :class:`BadInputError` for what the service will not take, :class:`RetryableError` when it is away or
        busy, with its ``Retry-After``, :class:`FinalError` when it refuses the content or the key.
        """
        work = read(ticket.payload)
        async with _translated(self._hide):
            run = _Run(self._http, self._pause, work, context)
            started = run.started_before()
            if started is None:
                picture = await input_picture(context, "image", work.image, MAX_INPUT_BYTES) if work.image else None
                context.progress(STARTED if picture else 0.0, "Asking Stability")
                outcome = await run.ask(picture)
            else:
                outcome = await run.poll(started)
        context.progress(100.0)
        return Outcome(files=outcome.files, data=self._hide(dict(outcome.data)))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


@dataclass(frozen=True, slots=True)
class _Run:
    """One run's dealings with the API."""

    http: httpx2.AsyncClient
    pause: Pause
    work: Work
    context: RunContext

    async def ask(self, picture: tuple[str, bytes, str] | None) -> Outcome:
        """Send the request; give what comes of it, at once or later."""
        # Everything is a part of a multipart body, also where there is no file.
        parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in self.work.fields.items()]
        if picture is not None:
            parts.append(("image", picture))
        if not self.work.result_path:
            outcome = await self._result("POST", self.work.path, parts)
            if outcome is None:
                raise FinalError(f"{NAME} answered 202 to a request whose answer is the result.")
            return outcome
        answer = await self.http.post(self.work.path, files=parts, headers={"accept": "application/json"})
        _raise_for(answer.status_code, answer.headers, answer.content)
        started = _object(answer.content).get(ID)
        if not _is_id(started):
            raise FinalError(f"{NAME} took the request, but gave no id to ask with for the result.")
        await self.context.remember({ID: started})
        return await self.poll(started)

    def started_before(self) -> str | None:
        """Return the id of work that an earlier attempt started, so that it is not started, and paid for, again."""
        found = (self.context.remembered or {}).get(ID)
        return found if self.work.result_path and _is_id(found) else None

    async def poll(self, started: str) -> Outcome:
        """Ask for the result of started work until it is there. Work that the service does not know any more is
        forgotten here too."""
        try:
            return await self._poll(f"{self.work.result_path}/{started}")
        except _LostError:
            await self.context.remember(None)
            raise

    async def _poll(self, path: str) -> Outcome:
        began, misses, wait = time.monotonic(), 0, POLL_INTERVAL
        while True:
            share = 1 - math.exp(-(time.monotonic() - began) / USUAL)
            self.context.progress(STARTED + (DONE - STARTED) * share, "Waiting for the result")
            await self.pause(wait)
            if self.context.cancelled():
                raise RetryableError("The run was told to stop.")
            wait = POLL_INTERVAL
            try:
                outcome = await self._result("GET", path, None)
            except (httpx2.HTTPError, RetryableError) as error:
                misses += 1
                if misses == MAX_MISSES:
                    raise
                wait = max(wait, getattr(error, "retry_after", None) or 0.0)
                continue
            if outcome is not None:
                return outcome
            misses = 0

    async def _result(self, method: str, path: str, parts: list[tuple[str, Any]] | None) -> Outcome | None:
        """Ask for a result; None if it is not there yet."""
        accept = {"accept": f"{self.work.wanted}/*"}
        async with self.http.stream(method, path, files=parts, headers=accept) as answer:
            if answer.status_code == 202:
                return None
            if answer.status_code == 404 and method == "GET":
                raise _LostError(f"{NAME} does not know the work any more that it had begun.")
            if not answer.is_success:
                _raise_for(answer.status_code, answer.headers, await answer.aread())
            reason = answer.headers.get("finish-reason", "SUCCESS")
            _refuse_filtered(reason)
            if media_type(answer.headers) == "application/json":
                return await self._of_json(await answer.aread())
            path_here = await saved(answer, self.context.folder / "result-1", name=NAME)
            return await self._outcome(path_here, reason, answer.headers.get("seed", ""))

    async def _of_json(self, content: bytes) -> Outcome:
        """Read a result that is told in JSON, as the API does when it is asked to, and some gateways before it do
        unasked: ``{"image" | "video" | "result": base64, "finish_reason", "seed"}``."""
        body = _object(content)
        encoded = next((body[name] for name in ENCODED if isinstance(body.get(name), str)), None)
        if encoded is None:
            raise FinalError(f"{NAME} gave no {self.work.wanted} but {_reason(content) or 'JSON'}.")
        reason = str(body.get("finish_reason") or "SUCCESS")
        _refuse_filtered(reason)
        file = await asyncio.to_thread(decoded, encoded)
        if file is None or not file.content:
            raise FinalError(f"{NAME} gave a result that is not valid base64.")
        return await self._outcome(file.content, reason, str(body.get("seed", "")))

    async def _outcome(self, content: bytes | Path, reason: str, seed: str) -> Outcome:
        file: Produced = await picked_up(content, 1, wanted=self.work.wanted, name=NAME)
        data: dict[str, Any] = {"finish_reason": reason}
        if seed.isascii() and seed.isdecimal() and len(seed) < 20:
            data["seed"] = int(seed)
        return Outcome(files=[file], data=data)


class _LostError(FinalError):
    """Work that the service forgot: asking again is of no use, starting again is."""


@contextlib.asynccontextmanager
async def _translated(hide: Hide) -> AsyncIterator[None]:
    """Raise what goes wrong in the block as :class:`ConnectorError`, without the key in it."""
    try:
        yield
    except httpx2.TimeoutException:
        raise RetryableError(f"{NAME} did not answer in time.") from None
    except httpx2.HTTPError as error:
        raise RetryableError(f"{NAME} could not be reached, or broke off ({type(error).__name__}).") from None
    except _LostError as error:
        raise RetryableError(error.message) from None
    except ConnectorError as error:
        raise hidden(error, hide) from None


def _raise_for(status: int, headers: Mapping[str, str], content: bytes) -> None:
    if 200 <= status < 300:
        return
    body = _object(content)
    facts = {"name": body.get("name"), "id": body.get("id")}
    if status == 403 or body.get("name") == "content_moderation":
        said = _reason(content) or "its moderation gave no reason"
        raise FinalError(f"{NAME} refused the content: {said}", details={"status": status, **facts})
    error = status_error(NAME, status, headers, _reason(content), facts)
    if status == 429 and error.retry_after is None:
        error.retry_after = LOCKED_OUT
    raise error


def _refuse_filtered(reason: str) -> None:
    if reason == "CONTENT_FILTERED":
        raise FinalError(
            f"{NAME} refused the content: its filter withheld the result (CONTENT_FILTERED).",
            details={"finish_reason": reason},
        )
    if reason != "SUCCESS":
        raise FinalError(f"{NAME} made no result: it ended with {reason}.", details={"finish_reason": reason})


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _reason(content: bytes) -> str:
    errors = _object(content).get("errors")
    return "; ".join(str(error) for error in errors) if isinstance(errors, list) else ""


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value.isalnum() and len(value) <= LONGEST_ID
