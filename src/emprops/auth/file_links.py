"""URLs that open one private file for a while, to anyone who has them: ``?expires=…&signature=…``.

They are signed with what they open and the second at which they end, see :class:`emprops.auth.derived.Signer`.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from emprops.auth.derived import Signer
from emprops.kit.web.parts import Part
from emprops.settings import Settings

_PURPOSE = b"emprops file link"
EXPIRES, SIGNATURE = "expires", "signature"
MAX_DIGITS = 12


class FileLinks:
    """Signs and checks such URLs. Nothing is read or made before the first one is."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._signer = Signer(settings, _PURPOSE)
        self._clock = clock

    def query(self, opened: str, life: float) -> str:
        """Return what a URL needs in its query to open something, by its key or name, for so many seconds."""
        return self.query_until(opened, int(self._clock() + life))

    def query_until(self, opened: str, expires: int) -> str:
        """Return the same for a URL that ends at this second."""
        return f"{EXPIRES}={expires}&{SIGNATURE}={self._signer.signature(opened, expires)}"

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
        return self._signer.signed(opened, int(expires), signature) and self._clock() < int(expires)


FILE_LINKS: Part[FileLinks] = Part("file_links")
