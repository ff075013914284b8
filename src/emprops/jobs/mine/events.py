"""All jobs of a user as server-sent events: news wait for a client that does not read, the latest of each kind only."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from emprops.jobs.mine.follow import MyJobs
from emprops.jobs.mine.news import News, Previews
from emprops.kit.web.streams import Stream

MAX_WAITING: Final = 1_000
MAX_BYTES: Final = 4 * 1024 * 1024
"""Together, unless a single event is larger."""


class MyStream:
    """One stream. It is a listener, and the stream's feeder."""

    def __init__(
        self, my_jobs: MyJobs, stream: Stream, *, user_id: UUID, since: str | None, previews: Previews
    ) -> None:
        self.user_id = user_id
        self.previews = previews
        self._my_jobs = my_jobs
        self._stream = stream
        self._waiting: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._bytes = 0
        my_jobs.follow(self, since)

    def tell(self, news: News) -> None:
        """Write news, or keep them until the client reads again. A client that is too far behind has to come back."""
        self._bytes += len(news.event) - len(self._waiting.pop(news.key, b""))
        self._waiting[news.key] = news.event
        self.resume()
        if len(self._waiting) > MAX_WAITING or (self._bytes > MAX_BYTES and len(self._waiting) > 1):
            self._stream.end("the client reads too slowly", comes_back=True)

    def resume(self) -> None:
        """Write what waits, as far as the client reads."""
        while self._waiting and self._stream.ready:
            _, event = self._waiting.popitem(last=False)
            self._bytes -= len(event)
            self._stream.write(event)

    def gone(self) -> None:
        """Follow no more."""
        self._my_jobs.leave(self)

    def about(self) -> Mapping[str, str]:
        """Return what the log should say of the stream."""
        return {"user_id": str(self.user_id)}
