"""Links with which an owner shows one output to anyone who gets the link, for a while.

A browser that follows a link can send neither a token nor the ``user_id`` header, so the link itself carries the
right: ``<expiry>.<signature>``, HMAC-SHA256 over the output's id and the expiry. It opens the watch page of that one
output, nothing else.
"""

import math
import re
import time
from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends

from emprops.auth.derived import Signer
from emprops.kit.web.parts import Part
from emprops.settings import Settings, SettingsError

DAY = 86_400
MIN_SECRET_BYTES = 32
_TOKEN = re.compile(r"(\d{1,12})\.([A-Za-z0-9_-]{43})")
_PURPOSE = b"emprops watch link"


class ShareLinks:
    """Signs and checks the right to watch one output. Nothing is read or made before the first link is.

    Raises ``SettingsError`` for a short secret.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._signer = Signer(settings, _PURPOSE)
        self._life = settings.share_days * DAY
        self._clock = clock
        if 0 < len(settings.share_secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise SettingsError(
                f"EMPROPS_SHARE_SECRET is shorter than {MIN_SECRET_BYTES} bytes: make one with"
                " `openssl rand -base64 48`."
            )

    def token(self, output_id: UUID) -> str:
        """Make a token. It ends at a full day, so that an output's link stays the same throughout one."""
        expiry = math.ceil((self._clock() + self._life) / DAY) * DAY
        return f"{expiry}.{self._signer.signature(str(output_id), expiry)}"

    def url(self, base_url: str, output_id: UUID, *, shared: bool) -> str:
        """Return the address of an output's watch page; one that anybody may see needs no token."""
        plain = f"{base_url}/watch/{output_id}"
        return plain if shared else f"{plain}?t={self.token(output_id)}"

    def opens(self, token: str, output_id: UUID) -> bool:
        """Return whether a token is for this output and has not ended."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return False
        expiry = int(match[1])
        return self._signer.signed(str(output_id), expiry, match[2]) and self._clock() < expiry


SHARE_LINKS: Part[ShareLinks] = Part("share_links")


Links = Annotated[ShareLinks, Depends(SHARE_LINKS.depend)]
"""Parameter type of an endpoint that makes or checks watch links."""
