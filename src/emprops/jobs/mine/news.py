"""What those who follow all their jobs are told, and the cursor from which they go on. Pure.

A cursor is a time of the database's clock. All that was committed until then has been told to who has it, but for what
became visible later than its time says; so who comes back is told again of what changed shortly before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from emprops.jobs.preview import Way, as_event
from emprops.kit.web.sse import Event
from emprops.queue.previews import Shown

Previews = Literal[Way, "none"]
"""Whether previews come as the URL of a picture, with the picture in them, or not at all."""
SUBSCRIBED: Final = "mine_subscribed"
CHANGED: Final = "my_job"
PREVIEW: Final = "my_job_preview"
MAX_AGE: Final = timedelta(days=1)
"""How old a cursor may be."""
AHEAD: Final = timedelta(minutes=1)
"""A cursor further in the future is none of ours."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR: Final = re.compile(r"[0-9]{1,17}")


def cursor_at(time: datetime) -> str:
    """Return the cursor of a time."""
    return str((time - _EPOCH) // timedelta(microseconds=1))


def time_of(cursor: str, now: datetime) -> datetime | None:
    """Return the time of a cursor; None if it is too old, or cannot be one of ours."""
    if not _CURSOR.fullmatch(cursor):
        return None
    try:
        time = _EPOCH + timedelta(microseconds=int(cursor))
    except OverflowError:
        return None
    return time if now - MAX_AGE < time < now + AHEAD else None


@dataclass(frozen=True)
class News:
    """One thing to tell. News of one ``key`` replace each other while they wait to be sent: the later says more."""

    kind: str
    fields: Mapping[str, Any]
    """``at``, the cursor, and what there is to tell."""
    key: tuple[str, ...]

    @cached_property
    def event(self) -> bytes:
        """The server-sent event. Previews have no id: nobody resumes from them."""
        return Event(self.kind, self.fields, None if self.kind == PREVIEW else self.fields["at"]).encode()


def subscribed(at: str, jobs: list[Any], *, resync: bool, truncated: bool) -> News:
    """Return the news of how things stand, and of what changed meanwhile."""
    fields = {"at": at, "resync": resync, "jobs": jobs, "jobs_truncated": truncated}
    return News(SUBSCRIBED, fields, (SUBSCRIBED,))


def changed(at: str, job_id: UUID, row: Any) -> News:
    """Return the news of how a job is now."""
    return News(CHANGED, {"at": at, "job": row}, (CHANGED, str(job_id)))


def preview(at: str, job_id: UUID, shown: Shown, way: Way) -> News:
    """Return the news of what a running job is making."""
    fields = as_event(job_id, shown, way)
    del fields["id"]
    return News(PREVIEW, {"at": at, "job_id": job_id, **fields}, (PREVIEW, str(job_id)))


class Listener(Protocol):
    """Who follows all jobs of a user."""

    user_id: UUID
    previews: Previews

    def tell(self, news: News) -> None:
        """Have news sent. Does not block."""
