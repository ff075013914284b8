"""What connectors of hosted services share: a client bound to one address, and what answers mean.

The operator gives the address, so it may be private (vLLM, Ollama, a gateway); nothing that a service answers can lead
the client anywhere else.
"""

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import puremagic

from emprops.connectors.base import (
    BadInputError,
    ConnectorError,
    FinalError,
    Health,
    Produced,
    RetryableError,
    RunContext,
    too_large,
)
from emprops.connectors.redaction import each_text, forms_of
from emprops.kit.outbound import bodies
from emprops.kit.outbound.guard import OutboundError, OutboundUnavailableError, TooLargeAnswerError
from emprops.kit.outbound.retry_after import retry_after
from emprops.kit.outbound.tls import trusted
from emprops.settings import SettingsError

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
CONNECT_TIMEOUT = 20.0
MAX_ANSWER_BYTES = 128 * 1024 * 1024
"""For answers that are read into memory: JSON, with pictures in base64 where a service has it so."""
FILES = ("image/", "video/", "audio/", "application/octet-stream", "binary/octet-stream")
"""Kinds of answers that are files, written to disk as they come."""
MAX_MESSAGE = 600
"""Characters of an error's sentence: ours, and what the service said."""
PICTURES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}

Hide = Callable[[Any], Any]


def hiding(key: str) -> Hide:
    """Return a function that takes a key out of texts, and out of everything in lists and dicts."""
    forms = sorted(forms_of(key), key=len, reverse=True) if key else []

    def hidden(text: str) -> str:
        for form in forms:
            text = text.replace(form, "[key]")
        return text

    return lambda value: each_text(value, hidden)


def hidden(error: ConnectorError, hide: Hide) -> ConnectorError:
    """Return the same error with the key out of it, and what the service said cut to a readable length.

    In this order: a key that was cut would not be found.
    """
    return type(error)(hide(error.message)[:MAX_MESSAGE], details=hide(error.details), retry_after=error.retry_after)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many bytes are taken of an answer that is read into memory, and of a file."""

    answer: int = MAX_ANSWER_BYTES
    file: int = MAX_ANSWER_BYTES


class OneOrigin(httpx2.AsyncBaseTransport):
    """Sends to one origin, and reads answers of a bounded size and of the kinds that the service has.

    Raises :class:`FinalError` for all others. Answers other than 2xx may be of any kind: they are errors anyway.
    """

    def __init__(self, base_url: str, kinds: Collection[str], bounds: Bounds) -> None:
        self._origin = _origin(httpx2.URL(base_url))
        self._kinds = tuple(kinds)
        self._bounds = bounds
        self._transport = httpx2.AsyncHTTPTransport(verify=trusted(), trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        host = request.url.host
        if _origin(request.url) != self._origin:
            raise FinalError(f"A request to {host} was not sent: it is not the service that is configured.")
        response = await self._transport.handle_async_request(request)
        try:
            self._check(response, host)
        except FinalError:
            await response.aclose()
            raise
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101 - what asynchronous transports give
        limit = self._bounds.answer
        refusal = FinalError(f"The answer of {host} is larger than {limit} bytes.")
        if response.is_success and media_type(response.headers).startswith(FILES):
            limit = self._bounds.file
            refusal = too_large(f"The file of {host}", limit)
        # What is compressed in spite of the request is unpacked there, step by step. httpx2 would inflate a whole chunk
        # at once, whatever size comes of it.
        response.stream = _Bounded(stream, dict(response.headers), limit, refusal if response.is_success else None)
        if bodies.is_packed(response.headers):
            for name in ("content-encoding", "content-length"):
                response.headers.pop(name, None)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _check(self, response: httpx2.Response, host: str) -> None:
        if response.status_code == 206:
            raise FinalError(f"{host} answered with a part of the result (206), although all of it was asked for.")
        kind = media_type(response.headers)
        if response.is_success and not kind.startswith(self._kinds):
            raise FinalError(f"{host} answered with {kind or 'an unnamed type'}; is its address right?")


class _Bounded(httpx2.AsyncByteStream):
    """A body that is counted as it comes out, unpacked if it was compressed.

    ``refusal`` is raised for one that is too large; None for a body that only explains a status: it just ends where it
    cannot be read on.
    """

    def __init__(
        self, stream: httpx2.AsyncByteStream, headers: Mapping[str, str], max_bytes: int, refusal: FinalError | None
    ) -> None:
        self._stream, self._headers, self._max_bytes, self._refusal = stream, headers, max_bytes, refusal

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in bodies.bounded(bodies.unpacked(self._stream, self._headers), self._max_bytes):
                yield chunk
        except (OutboundError, OutboundUnavailableError) as error:
            if self._refusal is None:
                return
            if isinstance(error, TooLargeAnswerError):
                raise self._refusal from None
            kind = FinalError if isinstance(error, OutboundError) else RetryableError
            raise kind(error.message) from None

    async def aclose(self) -> None:
        await self._stream.aclose()


def client_for(
    base_url: str, kinds: Collection[str], *, setting: str, idle: float, bounds: Bounds
) -> httpx2.AsyncClient:
    """Make a client for one service; ``idle`` is the longest silence in seconds.

    Raises :class:`SettingsError` naming the ``setting`` if it is not the URL of a server.
    """
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError(f"{setting} must be an http:// or https:// URL.")
    return httpx2.AsyncClient(
        base_url=base_url,
        transport=OneOrigin(base_url, kinds, bounds),
        timeout=httpx2.Timeout(idle, connect=min(idle, CONNECT_TIMEOUT)),
        headers={"accept-encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
    )


def status_error(
    name: str, status: int, headers: Mapping[str, str], reason: str, details: Mapping[str, Any]
) -> ConnectorError:
    """Turn an answer that is no success into the error that it means; ``reason`` is the service's own sentence."""
    facts = {"status": status, **{key: value for key, value in details.items() if value}}
    reason = " ".join(reason.split())
    if status in BUSY:
        wait = retry_after(headers.get("retry-after"), headers.get("retry-after-ms"))
        return RetryableError(f"{name} is busy or down: it answered {status}.", details=facts, retry_after=wait)
    if status == 401:  # without the service's sentence: it tends to quote a part of the key
        return FinalError(f"{name} did not accept the key that this worker has.", details={"status": status})
    if status == 403:
        return FinalError(f"{name} does not allow this. {reason}".strip(), details=facts)
    if status == 402:
        return FinalError(f"{name} wants payment: the account has no credit left.", details=facts)
    if status in (400, 413, 422):
        return BadInputError(f"{name} refused the request: {reason or f'it answered {status}.'}", details=facts)
    return FinalError(f"{name} answered {status}. {reason}".strip(), details=facts)


def health_of(error: ConnectorError) -> Health:
    """Return from a failed check whether the service can take work. It may not have what was asked for, or not for this
    key, and yet do what it is there for; without a valid key, or credit, it does nothing."""
    answered = error.details.get("status") not in (None, 401, 402) and not isinstance(error, RetryableError)
    return Health(ok=answered, message=error.message)


async def picked_up(content: bytes | Path, number: int, *, wanted: str, name: str) -> Produced:
    """Make a result file of bytes or of a file, its type told by its content.

    Raises :class:`FinalError` if it is not of the ``wanted`` main type (``image``, ``video``).
    """
    head = content[:8192] if isinstance(content, bytes) else await asyncio.to_thread(head_of, content)
    mime_type = next(filter(None, _kinds_of(head)), "")
    if not mime_type.startswith(f"{wanted}/"):
        raise FinalError(f"{name} gave a result that is no {wanted}.")
    return Produced(f"result-{number}{mimetypes.guess_extension(mime_type) or '.bin'}", mime_type, content)


async def saved(response: httpx2.Response, to: Path, *, name: str) -> Path:
    """Write a successful answer's body to a file as it comes. Raises :class:`FinalError` if there is nothing in it."""
    size = 0
    with to.open("wb") as file:
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            await asyncio.to_thread(file.write, chunk)
    if not size:
        raise FinalError(f"{name} gave an empty file.")
    return to


async def input_picture(context: RunContext, field: str, url: str, max_bytes: int) -> tuple[str, bytes, str]:
    """Bring a picture to send: its file name, content and type. Raises :class:`BadInputError` for anything else."""
    path, _ = await context.fetch(url, max_bytes=max_bytes)
    content = await asyncio.to_thread(path.read_bytes)
    kind = next((kind for kind in _kinds_of(content[:8192]) if kind in PICTURES), None)
    if kind is None:
        raise BadInputError(f"{field} must be a PNG, JPEG or WebP picture.")
    return f"{field}{PICTURES[kind]}", content, kind


def media_type(headers: Mapping[str, str]) -> str:
    """Read the content type without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def same_origin(one: str, other: str) -> bool:
    """Return whether two URLs lead to the same server."""
    try:
        return _origin(httpx2.URL(one)) == _origin(httpx2.URL(other))
    except (httpx2.InvalidURL, ValueError):
        return False


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def head_of(path: Path) -> bytes:
    """Return the beginning of a file, which tells its type."""
    with path.open("rb") as file:
        return file.read(8192)


def _kinds_of(head: bytes) -> list[str]:
    if not head:
        return []
    if b"<svg" in head[:1024].lower():
        return ["image/svg+xml"]
    try:
        return [match.mime_type for match in puremagic.magic_string(head)]
    except (puremagic.PureError, ValueError):
        return []
