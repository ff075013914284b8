"""Signing secrets of endpoints: shown once, stored encrypted, because signing needs them back."""

import base64
import secrets
from functools import cached_property

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from emprops.auth.derived import derived_key
from emprops.settings import Settings, SettingsError

SECRET_BYTES = 32
MIN_KEY_BYTES = 32
_PURPOSE = b"emprops webhook secrets"


class SealedError(Exception):
    """A stored secret cannot be read with the keys of this process; the message says what to do."""


class SecretBox:
    """Encrypts and decrypts them. Nothing is read or made before the first one is.

    The first of ``Settings.webhook_keys`` encrypts, all of them decrypt, and so does the installation's own secret, so
    that a key can be set, and exchanged, while endpoints exist. Raises ``SettingsError`` for a short key.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        given = settings.webhook_keys.get_secret_value().split(",")
        self._given = [key.strip().encode() for key in given if key.strip()]
        if any(len(key) < MIN_KEY_BYTES for key in self._given):
            raise SettingsError(
                f"A key in EMPROPS_WEBHOOK_KEYS is shorter than {MIN_KEY_BYTES} bytes: make one with"
                " `openssl rand -base64 48`."
            )

    @cached_property
    def _keys(self) -> MultiFernet:
        own = derived_key(self._settings, _PURPOSE)
        chosen = [derived_key(self._settings, _PURPOSE, base=key) for key in self._given]
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in (*chosen, own)])

    def seal(self, secret: bytes) -> bytes:
        """Encrypt a secret."""
        return self._keys.encrypt(secret)

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypt a secret. Raises :class:`SealedError`."""
        try:
            return self._keys.decrypt(sealed)
        except InvalidToken:
            raise SealedError(
                "The signing secret cannot be read, because this installation's keys have changed: bring the old one"
                " back as the last of EMPROPS_WEBHOOK_KEYS, or rotate the endpoint's secret."
            ) from None


def make_secret() -> bytes:
    """Draw a new secret."""
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """Write a secret as receivers' libraries take it."""
    return f"whsec_{base64.b64encode(secret).decode()}"
