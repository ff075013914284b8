"""URLs that open one private file for a while, to anyone who has them: ``?expires=…&signature=…``.

The signature is HMAC-SHA256 over what is opened and the second at which that ends.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property

from emprops.auth.derived import derived_key
from emprops.kit.web.parts import Part
from emprops.settings import Settings

_PURPOSE = b"emprops file link"
EXPIRES, SIGNATURE = "expires", "signature"
MAX_DIGITS = 12


class FileLinks:
    """Signs and checks such URLs. Nothing is read or made before the first one is."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock

    @cached_property
    def _key(self) -> bytes:
        return derived_key(self._settings, _PURPOSE)

    def query(self, opened: str, life: float) -> str:
        """Return what a URL needs in its query to open something, by its key or name, for so many seconds."""
        return self.query_until(opened, int(self._clock() + life))

    def query_until(self, opened: str, expires: int) -> str:
        """Return the same for a URL that ends at this second."""
        return f"{EXPIRES}={expires}&{SIGNATURE}={self._signature(opened, expires)}"

    def now(self) -> float:
        """Return the time by which URLs end, in Unix seconds."""
        return self._clock()

    def end_of(self, life: float) -> datetime:
        """Return when a URL ends that is made now."""
        return datetime.fromtimestamp(int(self._clock() + life), UTC)

    def opens(self, opened: str, query: Mapping[str, str]) -> bool:
        """Return whether the query of a URL opens this, and has not ended."""
        expires, signature = query.get(EXPIRES, ""), query.get(SIGNATURE, "")
        if not (expires.isascii() and expires.isdecimal() and len(expires) <= MAX_DIGITS and signature.isascii()):
            return False
        genuine = hmac.compare_digest(signature, self._signature(opened, int(expires)))
        return genuine and self._clock() < int(expires)

    def _signature(self, opened: str, expires: int) -> str:
        digest = hmac.new(self._key, f"{opened}\n{expires}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


FILE_LINKS: Part[FileLinks] = Part("file_links")
