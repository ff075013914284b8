"""How a video at Mux is played: by its playback id, and with signed tokens where the installation asks for them."""

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from emprops.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Playback:
    """What the player needs. The tokens are empty for public videos."""

    id: str
    token: str = ""
    thumbnail_token: str = ""
    storyboard_token: str = ""


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes playback tokens: JWTs over one playback id, each for one audience (video, thumbnail, storyboard)."""

    key_id: str
    key: RSAPrivateKey
    life: float
    """Seconds."""
    clock: Callable[[], float] = time.time

    def playback(self, playback_id: str) -> Playback:
        """Sign everything the player asks for."""
        return Playback(
            playback_id,
            token=self._token(playback_id, "v"),
            thumbnail_token=self._token(playback_id, "t"),
            storyboard_token=self._token(playback_id, "s"),
        )

    def _token(self, playback_id: str, audience: str) -> str:
        claims = {"sub": playback_id, "aud": audience, "exp": int(self.clock() + self.life), "kid": self.key_id}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id})


def signer_from(settings: Settings) -> Signer | None:
    """Make the signer; None if videos are public. Raises ``SettingsError`` for a key that cannot be used."""
    if not settings.mux_signing_key_id:
        return None
    try:
        pem = base64.b64decode(settings.mux_signing_key.get_secret_value(), validate=True)
        key = load_pem_private_key(pem, password=None)
    except (binascii.Error, ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError("EMPROPS_MUX_SIGNING_KEY must be the private key as Mux shows it: an RSA PEM in base64.")
    return Signer(settings.mux_signing_key_id, key, settings.mux_playback_life)


def playback_of(signer: Signer | None, playback_id: str) -> Playback:
    """Return what the player needs for a playback id."""
    return Playback(playback_id) if signer is None else signer.playback(playback_id)
