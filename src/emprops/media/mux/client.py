"""Mux's API through its official client: assets are made, read and removed.

The one exception to "every request goes through the guarded client" (``docs/decisions/0013-mux.md``): the host is a
setting of the operator, never something a user wrote, and the official client brings its own HTTP (urllib3, in
threads). It follows no redirect, repeats nothing by itself, and reads no proxy from the environment.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import mux_python
from mux_python.exceptions import ApiException, NotFoundException
from urllib3.exceptions import HTTPError

from emprops.settings import Settings, SettingsError

TIMEOUT = (5, 25)
"""Seconds to connect, and to wait for bytes."""
Policy = Literal["public", "signed"]
TRY_AGAIN = (408, 425, 429)


class MuxError(Exception):
    """Mux refuses the request, and would again; the message has its reason."""


class MuxUnavailableError(Exception):
    """Mux cannot be reached or is overloaded; the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A video at Mux: ``preparing``, ``ready`` or ``errored``."""

    id: str
    status: str
    playback_id: str | None
    passthrough: str | None = None


class MuxClient:
    """Assets of one Mux environment. Every method raises :class:`MuxError` or :class:`MuxUnavailableError`."""

    def __init__(self, *, token_id: str, token_secret: str, base_url: str, policy: Policy) -> None:
        configuration = mux_python.Configuration(username=token_id, password=token_secret)
        configuration.host = base_url.rstrip("/")
        configuration.retries = False  # the outbox repeats, and knows what it does
        configuration.client_side_validation = False  # a new resolution name must not make an answer unreadable
        self.policy = policy
        self._assets = mux_python.AssetsApi(mux_python.ApiClient(configuration))

    async def create_asset(self, url: str, passthrough: str) -> Asset:
        """Have Mux fetch and prepare a video; ``passthrough`` comes back in every event about it."""
        request = mux_python.CreateAssetRequest(
            inputs=[mux_python.InputSettings(url=url)],
            playback_policies=[self.policy],
            passthrough=passthrough,
        )
        answer = await _call(lambda: self._assets.create_asset(request, _request_timeout=TIMEOUT))
        return self._asset(answer.data)

    async def asset(self, asset_id: str) -> Asset | None:
        """Read an asset; None if there is none (any more)."""
        try:
            answer = await _call(lambda: self._assets.get_asset(asset_id, _request_timeout=TIMEOUT))
        except NotFoundException:
            return None
        return self._asset(answer.data)

    async def delete_asset(self, asset_id: str) -> None:
        """Remove an asset; one that is gone is fine."""
        try:
            await _call(lambda: self._assets.delete_asset(asset_id, _request_timeout=TIMEOUT))
        except NotFoundException:
            return

    def _asset(self, data: Any) -> Asset:
        found = [one.id for one in data.playback_ids or () if one.policy == self.policy]
        return Asset(str(data.id), str(data.status), found[0] if found else None, data.passthrough)


async def _call(send: Callable[[], Any]) -> Any:
    try:
        return await asyncio.to_thread(send)
    except NotFoundException:
        raise
    except ApiException as error:
        refused = 400 <= (error.status or 0) < 500 and error.status not in TRY_AGAIN
        kind = MuxError if refused else MuxUnavailableError
        raise kind(f"Mux answered {error.status}: {str(error.body or error.reason)[:300]}") from error
    except (HTTPError, OSError) as error:
        raise MuxUnavailableError(f"Mux could not be reached: {type(error).__name__}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise MuxUnavailableError(f"Mux' answer could not be read: {error}") from error


def client_from(settings: Settings) -> MuxClient | None:
    """Make the client the settings describe; None without credentials. Raises ``SettingsError`` for half of them."""
    token_id, secret = settings.mux_token_id, settings.mux_token_secret.get_secret_value()
    if bool(token_id) != bool(secret):
        raise SettingsError("EMPROPS_MUX_TOKEN_ID and EMPROPS_MUX_TOKEN_SECRET belong together: set both or neither.")
    if bool(settings.mux_signing_key_id) != bool(settings.mux_signing_key.get_secret_value()):
        raise SettingsError("EMPROPS_MUX_SIGNING_KEY_ID and EMPROPS_MUX_SIGNING_KEY belong together.")
    if not token_id:
        return None
    policy: Policy = "signed" if settings.mux_signing_key_id else "public"
    return MuxClient(token_id=token_id, token_secret=secret, base_url=settings.mux_base_url, policy=policy)
