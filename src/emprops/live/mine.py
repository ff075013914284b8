"""All jobs of a user over a WebSocket: what ``jobs/mine`` tells, as messages."""

from uuid import UUID

from emprops.jobs.mine.news import SUBSCRIBED, News, Previews
from emprops.live.messages import answer, message
from emprops.live.send_buffer import Outbox


class MySocket:
    """One connection that follows all jobs of its user. It is a listener."""

    def __init__(self, outbox: Outbox, user_id: UUID, previews: Previews, reply_to: str | None) -> None:
        self.user_id = user_id
        self.previews = previews
        self._outbox = outbox
        self._reply_to = reply_to

    def tell(self, news: News) -> None:
        """Have news sent; of those that wait to be sent, the latest of each key."""
        if news.kind == SUBSCRIBED:
            self._outbox.put(answer(news.kind, self._reply_to, **news.fields))
        else:
            self._outbox.put(message(news.kind, news.fields, news.key))
