"""Where requests to elsewhere may go: the rules about URLs, and a network layer that resolves, checks and connects."""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore2
import httpx2

from emprops.errors import AppError
from emprops.kit.outbound.addresses import is_forbidden, is_public
from emprops.settings import SettingsError

MAX_URL_LENGTH = 8192
MAX_ADDRESSES = 4
"""How many addresses of a name are tried before giving up."""
RESOLVE_TIMEOUT = 5.0
PORTS = {"http": 80, "https": 443}

_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Return every address of a name; raises ``OSError`` if there is none."""


class OutboundError(AppError):
    """The URL may not be fetched, or its answer may not be used; trying again does not help."""

    status = 400
    code = "outbound_refused"


class TooLargeAnswerError(OutboundError):
    """The answer has more bytes than are taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The answer is larger than {limit} bytes.")
        self.limit = limit


class OutboundUnavailableError(AppError):
    """The other side did not answer, or cannot answer now; the same request may work later."""

    status = 502
    code = "outbound_failed"

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait
        """Seconds after which the other side said to come back."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Hosts that the operator opened (``Settings.outbound_allow``): on one port, or on all of them."""

    entries: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Allowed":
        """Read ``host[:port], …``; an IPv6 address needs brackets. Raises ``ValueError``."""
        entries = set()
        for entry in filter(None, (part.strip() for part in text.split(","))):
            parts = urlsplit(f"//{entry}")
            if not parts.hostname or parts.path or parts.username is not None:
                raise SettingsError(f"EMPROPS_OUTBOUND_ALLOW: {entry!r} is not host or host:port")
            entries.add((parts.hostname.lower(), parts.port))
        return cls(frozenset(entries))

    def has(self, host: str, port: int) -> bool:
        """Return whether the operator opened this host and port."""
        host = host.lower()
        return (host, None) in self.entries or (host, port) in self.entries


def checked_url(text: str, allowed: Allowed) -> httpx2.URL:
    """Read a URL that may be requested. Raises :class:`OutboundError` saying what is wrong with it."""
    if len(text) > MAX_URL_LENGTH:
        raise OutboundError(f"The URL is longer than {MAX_URL_LENGTH} characters.")
    try:
        url = httpx2.URL(text)
        host = url.raw_host.decode("ascii")
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise OutboundError(f"The URL is not valid: {error}") from None
    if url.scheme not in PORTS:
        raise OutboundError("Only http:// and https:// URLs can be fetched.")
    if not _HOST.fullmatch(host):
        raise OutboundError("The URL has no valid host name.")
    if url.userinfo:
        raise OutboundError("URLs with a user name or password are not fetched.")
    port = url.port or PORTS[url.scheme]
    if port not in PORTS.values() and not allowed.has(host, port):
        raise OutboundError(f"Port {port} is not allowed; only 80 and 443 are, and what EMPROPS_OUTBOUND_ALLOW names.")
    return url


def why_not(error: BaseException | None) -> str:
    """Say why there is no connection, in words that may be shown: those of the libraries name addresses of networks."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return "TLS failed"
        if isinstance(error, ConnectionRefusedError):
            return "it refuses connections"
        error = error.__cause__ or error.__context__
    return "the connection failed or broke off"


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Opens TCP connections to checked addresses only; Unix sockets stay unimplemented, as in the base class."""

    def __init__(self, allowed: Allowed, resolver: Resolver) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of the host that answers; all of them must be allowed."""
        failure: Exception | None = None
        for address in await self.addresses(host, port):
            try:
                stream = await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            peer = stream.get_extra_info("server_addr")
            if peer is None or str(peer[0]) != address:
                await stream.aclose()
                raise OutboundError(f"The connection to {host} went somewhere else than intended.")
            return stream
        raise failure or httpcore2.ConnectError("no address")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host whose addresses are all allowed. Raises :class:`OutboundError`, or
        :class:`OutboundUnavailableError` if the name is not known."""
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                addresses = list(dict.fromkeys(await self._resolver(host, port)))
        except (OSError, UnicodeError, TimeoutError):
            raise OutboundUnavailableError(f"The name {host} could not be resolved.") from None
        opened = self._allowed.has(host, port)
        for address in addresses:
            if is_forbidden(address) or not (opened or is_public(address)):
                raise OutboundError(
                    f"{host} is not a public address; if it should be reached, add it to EMPROPS_OUTBOUND_ALLOW."
                )
        return addresses[:MAX_ADDRESSES]
