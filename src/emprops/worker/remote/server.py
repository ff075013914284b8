"""The api that a remote worker belongs to: its address, the key, and what its answers mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from emprops.auth.startup import is_loopback
from emprops.kit.outbound.tls import trusted
from emprops.queue.transport import WorkerRefusedError
from emprops.settings import Settings, SettingsError

PROTOCOL = 1
PATH = "/api/worker/"
CONNECT_TIMEOUT = 5.0
KEEP_ALIVE = 3.0
"""Seconds that an idle connection is kept: less than servers do, or calls meet connections that just close."""


class ServerAwayError(OSError):
    """The server did not answer, or cannot carry the call out now; whether it did is not known."""


class ServerSaysNoError(ServerAwayError):
    """The server refuses what was sent, and would refuse it again. ``status`` is that of its answer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(f"The server answered {status}: {sentence}")
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Server:
    """Where the worker belongs, and as whom it comes."""

    url: str
    """Without a slash at its end."""
    key: str
    worker: str
    """This process's name."""

    @property
    def headers(self) -> dict[str, str]:
        """What comes with every request."""
        return {"x-api-key": self.key, "user-agent": "emprops-worker"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the server said in its first answer."""

    worker_id: str
    lease: float
    poll: float
    base_url: str


def server_from(settings: Settings, worker: str) -> Server:
    """Read the settings. Raises :class:`SettingsError` for an address or key that must not be used."""
    url = settings.server.rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.username is not None:
        raise SettingsError(f"EMPROPS_SERVER={url[:100]!r} is not an address such as https://api.example.com.")
    if parts.scheme == "http" and not is_loopback(host) and not settings.server_allow_http:
        raise SettingsError(
            f"EMPROPS_SERVER={url} would send the worker's key in the clear: use https://, or set"
            " EMPROPS_SERVER_ALLOW_HTTP=1 where the network is a private one."
        )
    return Server(url, _key_from(settings), worker)


def _key_from(settings: Settings) -> str:
    key = settings.worker_key.get_secret_value()
    if not key and settings.worker_key_file:
        try:
            key = Path(settings.worker_key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise SettingsError(f"EMPROPS_WORKER_KEY_FILE cannot be read: {error}.") from error
    if not key:
        raise SettingsError(
            "A worker of a server needs a key: make one there with `emprops keys create --scope worker`, and set"
            " EMPROPS_WORKER_KEY_FILE or EMPROPS_WORKER_KEY."
        )
    if not key.isascii() or not key.isprintable():
        raise SettingsError("The worker's key has characters that no key has.")
    return key


def client_options(server: Server, timeout: float) -> dict[str, Any]:
    """Return what both kinds of client are made with: one address, no proxies, no redirects."""
    return {
        "base_url": server.url + PATH,
        "headers": server.headers,
        "limits": httpx2.Limits(keepalive_expiry=KEEP_ALIVE),
        "timeout": httpx2.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout)),
        "trust_env": False,
        "verify": trusted(),
    }


def request_of(server: Server, body: dict[str, Any]) -> dict[str, Any]:
    """Return content and headers of a call."""
    return {
        "content": orjson.dumps({"worker": server.worker, **body}),
        "headers": {"content-type": "application/json"},
    }


def away(error: httpx2.HTTPError) -> ServerAwayError:
    """Say that there was no answer."""
    return ServerAwayError(f"The server did not answer: {type(error).__name__}: {str(error)[:200]}".rstrip(": "))


def data_of(status: int, body: bytes) -> dict[str, Any]:
    """Read an answer.

    Raises ``WorkerRefusedError`` if it says that the key is not, or no longer, good for this: only in the api's own
    words, as something on the way that answers 403 is an outage. Else :class:`ServerSaysNoError` for a call that would
    be refused again, and :class:`ServerAwayError` for all the rest.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ServerAwayError(f"The server answered {status}, and not as an EmProps api does.")
    data, sentence = answer.get("data"), str(answer.get("error"))[:500]
    if 200 <= status < 300 and isinstance(data, dict):
        return data
    if (status, answer.get("code")) in ((401, "unauthorized"), (403, "forbidden")):
        raise WorkerRefusedError(f"The server does not take this worker's key: {sentence}")
    if status in (400, 404, 409, 413, 415) and isinstance(answer.get("error"), str):
        raise ServerSaysNoError(status, sentence)
    raise ServerAwayError(f"The server answered {status}: {sentence}")
