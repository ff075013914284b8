"""One WebSocket, from its acceptance to its end: what comes in, what goes out, and every way it ends."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from emprops.kit.tasks import stop_tasks
from emprops.kit.web.lease import take_lease
from emprops.kit.web.websocket import MAX_MESSAGE_BYTES
from emprops.live.send_buffer import Outbox

log = structlog.get_logger(__name__)

BURST: Final = 60
"""Messages that a client may send at once."""
PER_SECOND: Final = 20.0
"""And how many more each second."""
CLOSE_TIMEOUT: Final = 1.0
"""Seconds that the last frame may take: a client that does not read does not get it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why we close a connection."""

    code: int
    reason: str


LIFE_OVER: Final = Ending(1001, "This connection has lived long enough; connect again.")
TOO_SLOW: Final = Ending(1013, "You read too slowly; connect again.")
TOO_FAST: Final = Ending(1008, f"You send more than {PER_SECOND:.0f} messages a second.")
TOO_LARGE: Final = Ending(1009, f"A message may have {MAX_MESSAGE_BYTES} bytes.")
NOT_TEXT: Final = Ending(1003, "Send text, not binary.")
SIGNED_OUT: Final = Ending(1008, "The session has ended; sign in again.")
BROKEN: Final = Ending(1011, "Something went wrong on our side; connect again.")


class Allowance:
    """How many messages a client may send: a bucket that fills with time."""

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at = asyncio.get_running_loop().time()

    def take(self) -> bool:
        """Use one up; False if there is none."""
        now = asyncio.get_running_loop().time()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def converse(
    websocket: WebSocket,
    outbox: Outbox,
    obey: Callable[[str], Awaitable[None]],
    news: "asyncio.Task[Any]",
    *,
    send_timeout: float,
    life: float,
) -> None:
    """Send what is in the outbox and have messages obeyed, until the client leaves or has to, also because the session
    ends that opened the connection. Times are seconds.

    ``news`` fills the outbox. It goes on for ever; should it end, the client is told instead of hearing nothing more.
    """
    ended = asyncio.Event()
    give_back = take_lease(websocket.scope, ended.set)
    tasks = [
        asyncio.create_task(_end(ended), name="websocket-lease"),
        asyncio.create_task(_read(websocket, obey), name="websocket-reader"),
        asyncio.create_task(_write(websocket, outbox, send_timeout), name="websocket-writer"),
    ]
    try:
        done, _ = await asyncio.wait(
            [*tasks, news], timeout=life * random.uniform(0.9, 1.0), return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        give_back()
        await stop_tasks(tasks)
    # Several may have ended, above all when a client leaves in the middle of a message; each is asked how.
    endings = [_broken_off(news) if task is news else _ending_of(task) for task in done] or [LIFE_OVER]
    reasons = [ending for ending in endings if ending is not None]
    if len(reasons) == len(endings):
        await _close(websocket, reasons[0])


def _broken_off(news: "asyncio.Task[Any]") -> Ending:
    log.error("websocket without news", exc_info=None if news.cancelled() else news.exception())
    return BROKEN


def _ending_of(task: "asyncio.Task[Ending | None]") -> Ending | None:
    """Say why we close the connection; None: the client did."""
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, WebSocketDisconnect):
        return None
    log.error("websocket failed", exc_info=error)
    return BROKEN


async def _end(ended: asyncio.Event) -> Ending | None:
    await ended.wait()
    return SIGNED_OUT


async def _read(websocket: WebSocket, obey: Callable[[str], Awaitable[None]]) -> Ending | None:
    """Have each message obeyed before the next is read, so that a client cannot pile up work."""
    allowance = Allowance()
    while True:
        received = await websocket.receive()
        if received["type"] == "websocket.disconnect":
            return None
        text = received.get("text")
        if text is None:
            return NOT_TEXT
        if len(text) > MAX_MESSAGE_BYTES:
            return TOO_LARGE
        if not allowance.take():
            return TOO_FAST
        await obey(text)


async def _write(websocket: WebSocket, outbox: Outbox, send_timeout: float) -> Ending | None:
    while (message := await outbox.take()) is not None:
        try:
            async with asyncio.timeout(send_timeout):
                await websocket.send_text(message.text)
        except TimeoutError:
            break
    return TOO_SLOW


async def _close(websocket: WebSocket, ending: Ending) -> None:
    log.info("websocket closed", code=ending.code, reason=ending.reason)
    if websocket.application_state is not WebSocketState.CONNECTED:
        return
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await websocket.close(ending.code, ending.reason)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        log.debug("reason not delivered", code=ending.code)
