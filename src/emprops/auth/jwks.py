"""The public keys of a token issuer: read from a JSON Web Key Set (RFC 7517), kept, and looked up by ``kid``."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from emprops.errors import UnavailableError
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.outbound.guard import OutboundError, OutboundUnavailableError

log = structlog.get_logger(__name__)

ALGORITHMS: dict[tuple[Any, Any], str] = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
"""Key type and curve → the one algorithm with which such a key is used."""
MIN_RSA_BITS = 2048
MAX_KEYS = 100
MAX_DOCUMENT = 256 * 1024
FETCH_TIMEOUT = 5.0

REFRESH_INTERVAL = 60.0
"""The set is read again at most this often, whatever tokens say."""
FIRST_INTERVAL = 5.0
"""The same, while there are no keys at all."""
MAX_AGE = 600.0
"""The set is read again when it is older, so that keys its issuer withdrew stop working."""

Keys = Mapping[str | None, jwt.PyJWK]
Load = Callable[[], Awaitable[bytes]]


class KeySetError(ValueError):
    """A document is no key set that can be used."""


def parse_key_set(document: bytes) -> Keys:
    """Read the usable keys of a set; those of other kinds and uses are left out. Raises :class:`KeySetError`."""
    try:
        listed = orjson.loads(document)["keys"][:MAX_KEYS]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise KeySetError("it is not a JSON Web Key Set") from error
    found: dict[str | None, jwt.PyJWK] = {}
    for entry in listed:
        key = _usable(entry) if isinstance(entry, dict) else None
        if key is not None:
            found.setdefault(key.key_id, key)
    if not found:
        raise KeySetError("it holds no public RS256, ES256 or EdDSA key")
    return found


def _usable(entry: dict[str, Any]) -> jwt.PyJWK | None:
    """Read a public signing key of a kind we use; None if it is anything else."""
    try:
        algorithm = ALGORITHMS[entry.get("kty"), entry.get("crv")]
        named = isinstance(entry.get("kid", ""), str)
        meant = entry.get("use", "sig") == "sig" and "verify" in entry.get("key_ops", ["verify"])
        if not named or not meant or entry.get("alg", algorithm) != algorithm or "d" in entry:
            return None
        key = jwt.PyJWK(entry, algorithm)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return None
    weak = isinstance(key.key, RSAPublicKey) and key.key.key_size < MIN_RSA_BITS
    return None if weak else key


class IssuerKeys:
    """The issuer's keys; one per process. An outage of their source leaves the keys that are known in use."""

    def __init__(self, load: Load, *, keys: Keys | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._keys = keys
        self._read_at = self._tried_at = clock() if keys else float("-inf")
        self._reading = asyncio.Lock()

    async def find(self, kid: str | None) -> tuple[jwt.PyJWK, str] | None:
        """Return the key of this id, and its algorithm; without an id, the only key if there is only one.

        Raises :class:`UnavailableError` if the keys were never read and cannot be read now.
        """
        key = self._pick(kid)
        if key is None or (self._clock() - self._read_at > MAX_AGE and not self._reading.locked()):
            async with self._reading:
                if self._clock() - self._tried_at >= (REFRESH_INTERVAL if self._keys else FIRST_INTERVAL):
                    await self._read()
            key = self._pick(kid)
        if self._keys is None:
            raise UnavailableError("The token issuer's keys cannot be read just now. Try again.")
        return (key, key.algorithm_name) if key else None

    def _pick(self, kid: str | None) -> jwt.PyJWK | None:
        keys = self._keys or {}
        if kid is None and len(keys) == 1:
            return next(iter(keys.values()))
        return keys.get(kid)

    async def _read(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = parse_key_set(await self._load())
        except (OSError, OutboundError, OutboundUnavailableError, KeySetError) as error:
            log.warning("issuer keys unreadable", error=str(error), in_use=len(self._keys or {}))
        else:
            self._read_at = self._tried_at


def from_file(path: Path) -> Load:
    """Read the set from a file; replacing the file rotates the keys."""

    async def load() -> bytes:
        return await asyncio.to_thread(path.read_bytes)

    return load


def from_url(client: GuardedClient, url: str) -> Load:
    """Fetch the set from its issuer; redirects are not followed."""

    async def load() -> bytes:
        answer = await client.request("GET", url, max_bytes=MAX_DOCUMENT, timeout=FETCH_TIMEOUT)
        if answer.status != 200:
            raise KeySetError(f"{url} answered {answer.status}")
        return answer.body

    return load
