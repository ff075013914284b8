"""The one client for requests to elsewhere: public addresses only, no surprises from redirects, nothing unbounded.

The name is resolved once per connection; if any of its addresses is not plainly public, none is used; the connection
goes to the address that was checked, while TLS and the Host header keep the name (``kit/outbound/guard.py``).
Proxy variables of the environment have no effect. Cookies are not kept.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpcore2
import httpx2

from emprops.kit.outbound import bodies
from emprops.kit.outbound.answers import Downloaded, Response, Saving
from emprops.kit.outbound.guard import (
    PORTS,
    Allowed,
    GuardedNetwork,
    OutboundError,
    OutboundUnavailableError,
    Resolver,
    TooLargeAnswerError,
    checked_url,
    resolve,
    why_not,
)
from emprops.kit.outbound.retry_after import retry_after
from emprops.kit.outbound.tls import trusted
from emprops.settings import Settings

__all__ = [
    "BUSY",
    "Downloaded",
    "GuardedClient",
    "OutboundError",
    "OutboundUnavailableError",
    "Response",
    "Saving",
    "TooLargeAnswerError",
]

MAX_REDIRECTS = 3
MAX_ANSWER_BYTES = 10 * 1024 * 1024
REQUEST_TIMEOUT = 30.0
DOWNLOAD_TIMEOUT = 300.0
IDLE_TIMEOUT = 20.0
"""Longest wait for a connection, or for the next bytes."""
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
WHOLE = frozenset({200, 203})
"""Statuses of an answer that is a whole file."""
NOT_YET = 202
NO_FILE = {
    NOT_YET: ": the file is not there yet",
    204: ": there is no file",
    205: ": there is no file",
    206: " with a part of the file, although all of it was asked for",
}
SENT_ANYWHERE = frozenset({"accept", "accept-language", "user-agent", "content-type"})
"""Headers that survive a redirect to another origin; the others may be credentials."""
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "accept-encoding", "te"})
"""Headers that say how the request is sent, which is not the caller's to decide."""


@dataclass(slots=True)
class _Wanted:
    method: str
    url: httpx2.URL
    headers: dict[str, str]
    content: bytes | None = None
    idle: float = IDLE_TIMEOUT


@dataclass(slots=True)
class _Answer:
    """An answer whose body is still to come."""

    status: int
    headers: dict[str, str]
    chunks: AsyncIterator[bytes] = field(repr=False)

    @property
    def mime_type(self) -> str:
        """The type as it is said, without parameters; may be empty."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def _no_file(host: str, answer: _Answer) -> OutboundError | OutboundUnavailableError:
    said = f"{host} answered {answer.status}{NO_FILE.get(answer.status, '')}."
    if answer.status in BUSY or answer.status == NOT_YET:
        return OutboundUnavailableError(said, wait=retry_after(answer.headers.get("retry-after")))
    return OutboundError(said)


class GuardedClient:
    """The client; one per process. Errors are :class:`OutboundError` and :class:`OutboundUnavailableError`."""

    def __init__(
        self,
        settings: Settings,
        *,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
        idle: float = IDLE_TIMEOUT,
    ) -> None:
        self._allowed = Allowed.parse(settings.outbound_allow)
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._idle = idle

    @cached_property
    def _pool(self) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._ssl_context or trusted(),
            max_connections=50,
            max_keepalive_connections=10,
            keepalive_expiry=5.0,
            network_backend=self._network,
        )

    @cached_property
    def _network(self) -> GuardedNetwork:
        return GuardedNetwork(self._allowed, self._resolver)

    async def close(self) -> None:
        """Close the connections."""
        if "_pool" in self.__dict__:
            await self._pool.aclose()

    def opened(self, url: str) -> bool:
        """Return whether the operator opened the host of a URL that may be requested, although it may be private."""
        read = checked_url(url, self._allowed)
        return self._allowed.has(read.raw_host.decode("ascii"), read.port or PORTS[read.scheme])

    async def check(self, url: str) -> None:
        """Raise what a request to this URL would be refused with, without sending one."""
        read = checked_url(url, self._allowed)
        await self._network.addresses(read.raw_host.decode("ascii"), read.port or PORTS[read.scheme])

    async def post(
        self, url: str, *, headers: Mapping[str, str], content: bytes, keep: int, timeout: float
    ) -> Response:
        """Notify a receiver: the status is what counts, and no redirect is followed.

        ``keep``: how many bytes of the answer's body are read at most; one that is longer, slow, broken off or
        unreadable is left where it stands.
        """
        async with self._answer("POST", url, headers, content, timeout, 0) as answer:
            return Response(answer.status, answer.headers, await bodies.beginning(answer.chunks, keep))

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
        timeout: float = REQUEST_TIMEOUT,
        idle: float | None = None,
        redirects: int = 0,
        saving: Saving | None = None,
    ) -> Response:
        """Send a request and read the whole answer, whatever its status; into memory, unless ``saving`` is for it.

        ``timeout`` (seconds) covers everything from the name's resolution to the last byte; ``idle`` is the longest
        silence, which services that answer only when their work is done need longer; ``max_bytes`` counts the body
        after decompression; ``redirects`` is how many are followed.
        """
        async with self._answer(method, url, headers or {}, content, timeout, redirects, idle) as answer:
            if saving is not None and 200 <= answer.status < 300 and answer.mime_type.startswith(saving.kinds):
                size = await bodies.saved(bodies.bounded(answer.chunks, saving.max_bytes), saving.to)
                return Response(answer.status, answer.headers, b"", saving.to if size else None)
            body = bytearray()
            async for chunk in bodies.bounded(answer.chunks, max_bytes):
                body += chunk
            return Response(answer.status, answer.headers, bytes(body))

    async def download(
        self, url: str, to: Path, max_bytes: int, *, timeout: float = DOWNLOAD_TIMEOUT, redirects: int = MAX_REDIRECTS
    ) -> Downloaded:
        """Bring a file to ``to``. On any error nothing is left there.

        Only 200 (or 203, where a proxy changed something) brings a whole file: 202 says that it is not made yet, 204
        and 205 that there is none, 206 that this is a part of it. An empty body is no file either.
        """
        async with self._answer("GET", url, {"accept": "*/*"}, None, timeout, redirects) as answer:
            host = httpx2.URL(url).host
            if answer.status not in WHOLE:
                raise _no_file(host, answer)
            size = await bodies.saved(bodies.bounded(answer.chunks, max_bytes), to)
            if size == 0:
                await asyncio.to_thread(to.unlink)
                raise OutboundError(f"{host} gave an empty file.")
            mime_type = answer.mime_type or bodies.UNKNOWN_TYPE
            if mime_type == bodies.UNKNOWN_TYPE:
                mime_type = await asyncio.to_thread(bodies.look, to)
            return Downloaded(to, mime_type, size)

    @contextlib.asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        timeout: float,
        redirects: int,
        idle: float | None = None,
    ) -> AsyncIterator[_Answer]:
        """Send, follow redirects, and translate what goes wrong until the answer is read."""
        own = {name.lower(): value for name, value in headers.items() if name.lower() not in OURS}
        wanted = _Wanted(
            method.upper(),
            checked_url(url, self._allowed),
            {"user-agent": "emprops", **own},
            content,
            self._idle if idle is None else idle,
        )
        try:
            async with asyncio.timeout(timeout), contextlib.AsyncExitStack() as stack:
                for left in range(redirects, -1, -1):
                    answer = await stack.enter_async_context(self._send(wanted))
                    target = answer.headers.get("location") if answer.status in (301, 302, 303, 307, 308) else None
                    if target is None or redirects == 0:
                        break
                    if left == 0:
                        raise OutboundError(f"{wanted.url.host} redirects more than {redirects} times.")
                    await stack.aclose()
                    wanted = self._redirected(wanted, answer.status, target)
                yield answer
        except TimeoutError:
            raise OutboundUnavailableError(f"{wanted.url.host} did not finish within {timeout:g} seconds.") from None
        except httpcore2.TimeoutException:
            raise OutboundUnavailableError(f"{wanted.url.host} did not answer in time.") from None
        except (httpcore2.LocalProtocolError, UnicodeError):
            raise OutboundError(f"The request to {wanted.url.host} has characters that cannot be sent.") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise OutboundUnavailableError(f"{wanted.url.host} could not be reached ({why_not(error)}).") from error

    @contextlib.asynccontextmanager
    async def _send(self, wanted: _Wanted) -> AsyncIterator[_Answer]:
        url = wanted.url
        # No compression is asked for; what comes compressed all the same is unpacked in small steps and counted.
        headers = {"host": url.netloc.decode("ascii"), "accept-encoding": "identity", **wanted.headers}
        async with self._pool.stream(
            wanted.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()],
            content=wanted.content,
            extensions={
                "timeout": {"connect": IDLE_TIMEOUT, "pool": IDLE_TIMEOUT, "read": wanted.idle, "write": wanted.idle}
            },
        ) as response:
            answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            yield _Answer(response.status, answered, bodies.unpacked(response.aiter_stream(), answered))

    def _redirected(self, wanted: _Wanted, status: int, target: str) -> _Wanted:
        try:
            url = checked_url(str(wanted.url.join(target)), self._allowed)
        except (httpx2.InvalidURL, ValueError):
            raise OutboundError(f"{wanted.url.host} redirects to something that is not a URL.") from None
        if wanted.url.scheme == "https" and url.scheme == "http":
            raise OutboundError(f"{wanted.url.host} redirects from https to http.")
        same = (url.scheme, url.host, url.port) == (wanted.url.scheme, wanted.url.host, wanted.url.port)
        headers = {name: value for name, value in wanted.headers.items() if same or name in SENT_ANYWHERE}
        if status == 303 or (status in (301, 302) and wanted.method == "POST"):
            headers.pop("content-type", None)
            return _Wanted("GET" if wanted.method != "HEAD" else "HEAD", url, headers, idle=wanted.idle)
        return _Wanted(wanted.method, url, headers, wanted.content, wanted.idle)
