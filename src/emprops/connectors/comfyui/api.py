"""The HTTP side of a ComfyUI server. Its address is the operator's word, so it may be private; nothing else is reached.

Every method raises :class:`RetryableError` while the server is away, busy or answers nonsense, and
:class:`FinalError` when it refuses.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import orjson

from emprops.connectors.base import BadInputError, FinalError, RetryableError, too_large
from emprops.kit.lenient_json import json_or_none
from emprops.kit.outbound.client import BUSY
from emprops.kit.outbound.retry_after import retry_after
from emprops.kit.outbound.tls import trusted
from emprops.settings import SettingsError

CONNECT_TIMEOUT = 5.0
IDLE_TIMEOUT = 60.0
"""Longest silence within an answer. ComfyUI's event loop stands still while it loads models."""
MAX_JSON_BYTES = 64 * 1024 * 1024
LARGE_JSON_BYTES = 256 * 1024
BUFFER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read to its end, with any status but those that mean "later"."""

    status: int
    document: Any
    """None if it is not JSON."""


@dataclass(frozen=True, slots=True)
class Queue:
    """ComfyUI's queue: entries are ``[number, prompt id, graph, extra data, …]``."""

    running: list[list[Any]]
    pending: list[list[Any]]


class OutputGoneError(RetryableError):
    """A file is not there although a prompt put it out."""


class Api:
    """One server. ``url`` may have a path and credentials; they go to that server only."""

    def __init__(self, url: str, *, idle: float = IDLE_TIMEOUT, max_json_bytes: int = MAX_JSON_BYTES) -> None:
        try:
            base = httpx2.URL(url.rstrip("/"))
        except (httpx2.InvalidURL, TypeError):
            base = httpx2.URL("")
        if base.scheme not in ("http", "https") or not base.host:
            raise SettingsError("EMPROPS_COMFYUI_URL must be the address of a ComfyUI, such as http://127.0.0.1:8188.")
        self.place = base.netloc.decode("ascii")
        self._base = base
        self._max_json_bytes = max_json_bytes
        self._client = httpx2.AsyncClient(
            base_url=base,
            trust_env=False,
            verify=trusted(),
            timeout=httpx2.Timeout(idle, connect=CONNECT_TIMEOUT),
            headers={"accept": "*/*", "user-agent": "emprops"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def socket_url(self, client_id: str) -> str:
        """Return the address of the WebSocket that is told what happens to prompts of this client."""
        scheme = "wss" if self._base.scheme == "https" else "ws"
        base = str(self._base.copy_with(scheme=scheme)).rstrip("/")
        return f"{base}/ws?{urlencode({'clientId': client_id})}"

    async def get(self, path: str) -> dict[str, Any]:
        """Read a JSON object."""
        answer = await self.call("GET", path)
        if not isinstance(answer.document, dict) or answer.status != 200:
            raise self._nonsense(path, answer)
        return answer.document

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Send JSON."""
        return await self.call("POST", path, content=orjson.dumps(body), headers={"content-type": "application/json"})

    async def call(self, method: str, path: str, **request: Any) -> Answer:
        """Send a request and read its answer, which may be a refusal."""
        async with self._answered(method, path, **request) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._max_json_bytes:
                    raise FinalError(f"ComfyUI's answer to {path} is larger than {self._max_json_bytes} bytes.")
        # Reading is quick unless the body is odd, and then slow: large ones must not keep the heartbeat waiting.
        large = len(body) > LARGE_JSON_BYTES
        document = await asyncio.to_thread(json_or_none, bytes(body)) if large else json_or_none(bytes(body))
        return Answer(response.status_code, document)

    async def queue(self) -> Queue:
        """Read the queue."""
        found = await self.get("/queue")
        return Queue(_entries(found.get("queue_running")), _entries(found.get("queue_pending")))

    async def history(self, prompt_id: str) -> dict[str, Any] | None:
        """Read what became of a prompt; None if it has not ended, or is not known."""
        entry = (await self.get(f"/history/{prompt_id}")).get(prompt_id)
        return entry if isinstance(entry, dict) else None

    async def upload(self, path: Path, name: str, mime_type: str) -> str:
        """Put a file among the inputs; returns the name by which nodes find it. An equal file is stored once."""
        with path.open("rb") as file:
            answer = await self.call(
                "POST", "/upload/image", files={"image": (name, file, mime_type)}, data={"type": "input"}
            )
        if answer.status == 413:
            raise BadInputError("An input file is larger than ComfyUI takes; see its option --max-upload-size.")
        match answer.document:
            case {"name": str(stored)} if answer.status == 200:
                folder = answer.document.get("subfolder")
                return f"{folder}/{stored}" if isinstance(folder, str) and folder else stored
            case _:
                raise self._nonsense("/upload/image", answer)

    async def download(self, params: Mapping[str, str], to: Path, max_bytes: int) -> str:
        """Bring a stored file to ``to``; gives its Content-Type as the server says it.

        Raises :class:`OutputGoneError` too.
        """
        what = params.get("filename", "")
        async with self._answered("GET", "/view", params=dict(params)) as response:
            if response.status_code == 404:
                raise OutputGoneError(
                    f"ComfyUI's output {what} is gone from its folder.", details={"code": "output_gone"}
                )
            if response.status_code != 200:
                raise FinalError(f"ComfyUI does not give its own output {what}: it answered {response.status_code}.")
            await _save(response, to, max_bytes, what)
            return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @asynccontextmanager
    async def _answered(self, method: str, path: str, **request: Any) -> AsyncIterator[httpx2.Response]:
        # The path is joined here: httpx2 would let an absolute URL in its place leave the server.
        try:
            async with self._client.stream(method, f"{self._base.path.rstrip('/')}{path}", **request) as response:
                if response.status_code in BUSY:
                    raise RetryableError(
                        f"ComfyUI at {self.place} is busy or broken: it answered {response.status_code}.",
                        details={"status": response.status_code},
                        retry_after=retry_after(response.headers.get("retry-after")),
                    )
                yield response
        except httpx2.RequestError as error:
            reason = str(error) or type(error).__name__
            raise RetryableError(f"ComfyUI at {self.place} is away or broke off ({reason}).") from error

    def _nonsense(self, path: str, answer: Answer) -> FinalError | RetryableError:
        if answer.status == 200:
            return RetryableError(f"What answers at {self.place} does not speak like ComfyUI ({path}).")
        return FinalError(f"ComfyUI at {self.place} refused {path}: it answered {answer.status}.")


def _entries(value: Any) -> list[list[Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, list) and len(item) > 1 and isinstance(item[1], str)]


async def _save(response: httpx2.Response, to: Path, max_bytes: int, what: str) -> None:
    refusal = too_large(f"ComfyUI's output {what}", max_bytes)
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise refusal
    size = 0
    buffer = bytearray()
    with to.open("wb") as file:
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > max_bytes:
                raise refusal
            buffer += chunk
            if len(buffer) >= BUFFER:
                await asyncio.to_thread(file.write, bytes(buffer))
                buffer.clear()
        await asyncio.to_thread(file.write, bytes(buffer))
