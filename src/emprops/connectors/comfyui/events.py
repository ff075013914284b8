"""The WebSocket side of a ComfyUI server: what it tells the client of one run, across lost connections."""

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode

from emprops.kit.lenient_json import json_or_none

OPEN_TIMEOUT = 10.0
CLOSE_TIMEOUT = 1.0
PING_TIMEOUT = 60.0
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each attempt to connect again; the last one from then on."""
PREVIEW, TEXT, PREVIEW_WITH_METADATA = 1, 3, 4
"""Kinds of binary frames (ComfyUI: ``BinaryEventTypes``)."""
FORMATS = {1: "image/jpeg", 2: "image/png"}
FEATURES = orjson.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}).decode()

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Event:
    """A message ``{type, data}``."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of what is being made."""

    content: bytes
    mime_type: str
    node: str = ""
    prompt_id: str | None = None
    """None where the frame does not say whose it is."""


class Events:
    """Connects when entered, and again whenever the connection is lost. What was told meanwhile is lost."""

    def __init__(self, url: str, *, pause: Pause = asyncio.sleep, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.whole = True
        """False once messages may have been missed."""
        self.too_large = False
        """Whether that was because one was larger than ``max_bytes``."""
        self._max_bytes = max_bytes
        self._url = url
        self._pause = pause
        self._socket: ClientConnection | None = None
        self._tries = 0

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def next(self, wait: float) -> Event | Preview | None:
        """Return the next message. None: nothing came for ``wait`` seconds, or messages may have been missed."""
        if self._socket is None:
            await self._pause(PAUSES[min(self._tries, len(PAUSES) - 1)])
            await self._connect()
            return None
        try:
            async with asyncio.timeout(wait):
                while True:
                    message = parse(await self._socket.recv())
                    if message is not None:
                        return message
        except TimeoutError:
            return None
        except (WebSocketException, OSError) as error:
            sent = error.sent if isinstance(error, ConnectionClosed) else None
            self.too_large = self.too_large or (sent is not None and sent.code == CloseCode.MESSAGE_TOO_BIG)
            self.whole = False
            with contextlib.suppress(WebSocketException, OSError):
                await self._socket.close()
            self._socket, self._tries = None, 0
            return None

    async def _connect(self) -> None:
        try:
            self._socket = await connect(
                self._url,
                compression=None,
                proxy=None,
                open_timeout=OPEN_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                ping_timeout=PING_TIMEOUT,
                max_size=self._max_bytes,
            )
            await self._socket.send(FEATURES)
        except (WebSocketException, OSError):
            # Not an error by itself: whether the run can go on is for the server's records to say.
            self._socket, self.whole = None, False
            self._tries += 1


def parse(raw: str | bytes) -> Event | Preview | None:
    """Read a frame; None if it says nothing that is understood here."""
    if isinstance(raw, bytes):
        return _from_frame(raw)
    match json_or_none(raw):
        case {"type": str(kind), "data": dict(data)}:
            return Event(kind, data)
    return None


def _from_frame(raw: bytes) -> Event | Preview | None:
    if len(raw) <= 8:
        return None
    kind, second = struct.unpack(">II", raw[:8])
    if kind == PREVIEW and second in FORMATS:
        return Preview(raw[8:], FORMATS[second])
    if len(raw) <= 8 + second:
        return None
    if kind == TEXT:
        node, text = (part.decode("utf-8", "replace") for part in (raw[8 : 8 + second], raw[8 + second :]))
        return Event("progress_text", {"node": node, "text": text})
    return _with_metadata(raw, second) if kind == PREVIEW_WITH_METADATA else None


def _with_metadata(raw: bytes, length: int) -> Preview | None:
    metadata = json_or_none(raw[8 : 8 + length])
    if not isinstance(metadata, dict):
        return None
    node = metadata.get("real_node_id") or metadata.get("node_id")
    said, prompt_id = metadata.get("image_type"), metadata.get("prompt_id")
    return Preview(
        raw[8 + length :],
        said if isinstance(said, str) and said in FORMATS.values() else "image/jpeg",
        node if isinstance(node, str) else "",
        prompt_id if isinstance(prompt_id, str) else None,
    )
