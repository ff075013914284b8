"""Keys of this installation's own, each for one purpose, all from one secret."""

import base64
import hashlib
import hmac
import os
import secrets
from functools import cached_property
from pathlib import Path

from emprops.settings import Settings


def derived_key(settings: Settings, purpose: bytes, *, base: bytes = b"") -> bytes:
    """Return the 32 bytes of a purpose: from ``base``, else ``share_secret``, else ``jwt_secret``, else a secret
    kept in ``data_dir``."""
    given = settings.share_secret.get_secret_value() or settings.jwt_secret.get_secret_value()
    return hmac.new(base or given.encode() or _kept_secret(settings.data_dir), purpose, hashlib.sha256).digest()


class Signer:
    """Signs, for one purpose, that something is open until a Unix second: HMAC-SHA256 over its name and that second.

    Nothing is read or made before the first signature is.
    """

    def __init__(self, settings: Settings, purpose: bytes) -> None:
        self._settings = settings
        self._purpose = purpose

    @cached_property
    def _key(self) -> bytes:
        return derived_key(self._settings, self._purpose)

    def signature(self, opened: str, expires: int) -> str:
        """Return the signature, in the alphabet of URLs."""
        digest = hmac.new(self._key, f"{opened}\n{expires}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def signed(self, opened: str, expires: int, signature: str) -> bool:
        """Return whether a signature, in ASCII, is that of this name and second."""
        return hmac.compare_digest(signature, self.signature(opened, expires))


def _kept_secret(folder: Path) -> bytes:
    """Read the installation's own secret, made once, readable by its user only. Replicas need the same folder, or
    ``EMPROPS_SHARE_SECRET``: what one makes would mean nothing to another."""
    path = folder / "share-secret"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = folder / f".share-secret-{secrets.token_hex(8)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_urlsafe(48).encode())
        try:
            os.link(fresh, path)  # fails if another process was first, whose secret then counts
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
