"""Keys of this installation's own, each for one purpose, all from one secret."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from emprops.settings import Settings


def derived_key(settings: Settings, purpose: bytes, *, base: bytes = b"") -> bytes:
    """Return the 32 bytes of a purpose: from ``base``, else ``share_secret``, else ``jwt_secret``, else a secret
    kept in ``data_dir``."""
    given = settings.share_secret.get_secret_value() or settings.jwt_secret.get_secret_value()
    return hmac.new(base or given.encode() or _kept_secret(settings.data_dir), purpose, hashlib.sha256).digest()


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
