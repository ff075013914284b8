"""Who is listening: the connections of this process, by what they want to hear."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from emprops.auth.caller import SERVICE, Caller
from emprops.errors import BadRequestError
from emprops.live.messages import Message, News
from emprops.live.mine import MySocket
from emprops.live.send_buffer import Outbox

MAX_SUBSCRIPTIONS = 200
"""Jobs that one connection may follow."""


@dataclass(eq=False, slots=True)
class Listener:
    """One connection, as those see it who have news for it."""

    caller: Caller
    is_monitor: bool
    outbox: Outbox = field(default_factory=Outbox)
    jobs: set[UUID] = field(default_factory=set)
    """What it subscribed to, or has asked to."""
    mine: MySocket | None = None
    """What follows all jobs of its user, if it asked for that."""
    gone: bool = False
    """Whether the connection has ended."""

    @property
    def may_change(self) -> bool:
        """Whether it may do more than read: a user, or a service."""
        return not self.caller.scopes or SERVICE in self.caller.scopes

    def tell(self, message: Message) -> None:
        """Have a message sent. Does not block."""
        self.outbox.put(message)


class Audience:
    """All listeners that have been told how things are, and so hear what changes."""

    def __init__(self) -> None:
        self.monitors: set[Listener] = set()
        self.subscribers: dict[UUID, set[Listener]] = {}

    def subscribe(self, listener: Listener, job_id: UUID) -> None:
        """Let it hear of a job from now on."""
        self.subscribers.setdefault(job_id, set()).add(listener)

    def unsubscribe(self, listener: Listener, job_id: UUID) -> None:
        """Let it hear of a job no more. Does nothing if it did not."""
        listener.jobs.discard(job_id)
        listeners = self.subscribers.get(job_id, set())
        listeners.discard(listener)
        if not listeners:
            self.subscribers.pop(job_id, None)

    def remove(self, listener: Listener) -> None:
        """Forget a listener that left."""
        listener.gone = True
        self.monitors.discard(listener)
        for job_id in list(listener.jobs):
            self.unsubscribe(listener, job_id)

    def wants(self, job_id: UUID) -> bool:
        """Whether anybody hears of this job."""
        return bool(self.monitors) or job_id in self.subscribers

    def publish(self, job_id: UUID, news: Iterable[News]) -> None:
        """Publish what happened to a job."""
        subscribers = self.subscribers.get(job_id, set())
        for item in news:
            for listener in subscribers:
                listener.tell(item.for_subscribers)
            for listener in self.monitors - subscribers:
                listener.tell(item.for_monitors)

    def tell_monitors(self, message: Message) -> None:
        """Publish what happened in the fleet."""
        for listener in self.monitors:
            listener.tell(message)


def check_room(listener: Listener, job_id: UUID) -> None:
    """Raise :class:`BadRequestError` if the connection follows as many jobs as it may."""
    if len(listener.jobs) >= MAX_SUBSCRIPTIONS and job_id not in listener.jobs:
        raise BadRequestError(f"A connection may follow {MAX_SUBSCRIPTIONS} jobs; unsubscribe from one first.")
