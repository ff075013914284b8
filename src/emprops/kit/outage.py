"""Times in which something does not answer, as the log tells of them: when one begins, and when it is over."""

import time

import structlog

log = structlog.get_logger(__name__)


class Outage:
    """One line of the log at the beginning and one at the end, however many notice, and however often."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._since: float | None = None

    def noticed(self, error: Exception) -> None:
        """Note that it did not answer."""
        if self._since is None:
            self._since = time.monotonic()
            log.warning(f"{self._what} away", error=str(error))

    def over(self) -> None:
        """Note that it answered."""
        if self._since is not None:
            seconds, self._since = time.monotonic() - self._since, None
            log.warning(f"{self._what} back", seconds=round(seconds, 1))
