"""A job as a stream of events.

First ``history_init``, then one ``job_update``, then ``job_history`` for each new line of the history and
``job_update`` whenever the job looks different, in the order of the commits; the last event is the ``job_update`` that
shows how the job ended. While a step runs, ``job_preview`` shows what it is making; old ones are not sent again.
Nothing is kept for a stream but the number of the last row it saw. What it shows is read by ``jobs/lookout.py``, for
all streams of the process.

The id of an event is that of the newest history row known by then. Rows of one job become visible in the order of
their ids, because every writer holds the job's row lock (``jobs/store.py``); so a client that comes back with the
last id it saw, to this replica or another one, misses no row and gets none twice. The event that shows how the job
ended has ``-end`` in its id: who comes back with that has seen everything, unless the job was tried again.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any, Protocol
from uuid import UUID

import orjson

from emprops.jobs.preview import as_event
from emprops.jobs.queries import as_json, named, to_bytes
from emprops.jobs.states import TERMINAL
from emprops.jobs.stream_queries import Look
from emprops.kit.web.sse import Event
from emprops.kit.web.streams import Stream
from emprops.media.result_links import ResultLinks
from emprops.queue.previews import Shown

_ROW_ID = re.compile(r"([0-9]{1,18})(-end)?")
NEVER = datetime.min.replace(tzinfo=UTC)


def row_id_of(last_event_id: str | None) -> int | None:
    """Read ``Last-Event-ID``; None if it cannot be one of ours."""
    match = _ROW_ID.fullmatch((last_event_id or "").strip())
    return int(match[1]) if match else None


def saw_end(last_event_id: str | None) -> bool:
    """Return whether ``Last-Event-ID`` is that of an event that showed how a job ended."""
    match = _ROW_ID.fullmatch((last_event_id or "").strip())
    return match is not None and match[2] is not None


class Watched:
    """A job that streams follow, as it was seen last."""

    __slots__ = (
        "_attempt",
        "_face",
        "_progress",
        "_results",
        "ended",
        "followers",
        "id",
        "newest",
        "running",
        "updated_at",
        "version",
    )

    def __init__(self, job_id: UUID, results: ResultLinks) -> None:
        self.id = job_id
        self._results = results
        self.followers: list[Follower] = []
        self.updated_at = NEVER
        self.newest = 0
        self.version = 0
        """Rises whenever the job looks different; 0: it was not seen yet."""
        self.ended = False
        self.running = False
        self._attempt = 0
        self._progress: float | None = None
        self._face = b""

    def note(self, look: Look) -> "Seen":
        """Take in what a look showed. Looks come in the order in which they were made."""
        document = as_json(look)
        if look.retry_count == self._attempt and self._progress is not None:
            # the table's progress does not fall either; a client must not see it fall even if that were wrong
            document["progress"] = max(self._progress, document["progress"] or 0)
        self._attempt, self._progress = look.retry_count, document["progress"]
        visible = to_bytes({key: value for key, value in document.items() if key != "updated_at"})
        face = blake2b(visible, digest_size=16).digest()
        if face != self._face:
            self.version, self._face = self.version + 1, face
        self.newest, self.updated_at = look.newest, look.updated_at
        self.ended, self.running = look.status in TERMINAL, look.status == "processing" and not look.moderated
        if self._results.signed:  # apart from its face: URLs that are signed anew are no news
            shown = as_json(named(look, self._results))
            document |= {name: shown[name] for name in ("workflow_output", "data")}
        return Seen(look, document, self.version)


class Seen:
    """What one look showed, in the form in which streams send it: encoded once, for all who have seen as much."""

    def __init__(self, look: Look, document: Mapping[str, Any], version: int) -> None:
        self.look = look
        self.version = version
        self._document = document

    @cached_property
    def whole_history(self) -> bytes:
        """The event that shows all rows at once."""
        return Event("history_init", self.look.rows, str(self.look.newest)).encode()

    @cached_property
    def rows(self) -> list[tuple[int, bytes]]:
        """The rows one by one: id and event."""
        return [(int(row["id"]), Event("job_history", row, row["id"]).encode()) for row in self.look.rows]

    @cached_property
    def job(self) -> bytes:
        """The event that shows the job."""
        end = "-end" if self.look.status in TERMINAL else ""
        return Event("job_update", orjson.Fragment(to_bytes(self._document)), f"{self.look.newest}{end}").encode()


class Reader(Protocol):
    """Who looks for followers."""

    def want(self, follower: "Follower") -> None:
        """Have it shown what is new, soon."""

    def leave(self, follower: "Follower") -> None:
        """Look for it no more."""


class Follower:
    """What one stream knows of its job. It is the stream's feeder."""

    __slots__ = ("_reader", "_version", "begun", "job", "preview", "row", "stream")
    form = "url"
    """In which form it shows previews: followers of one form get the same bytes."""
    listens = False
    """Whether it shows what workers say of their progress."""

    def __init__(self, reader: Reader, job: Watched, stream: Stream, row: int | None) -> None:
        """``row`` is the last one that the client says it saw; None: it begins."""
        self.job = job
        self.stream = stream
        self.row = row
        self.begun = False
        """Whether ``row`` is known to be one of the job's."""
        self.preview = 0
        """Number of the last preview it saw."""
        self._reader = reader
        self._version = 0

    @property
    def is_behind(self) -> bool:
        """Whether there is more to show than was shown."""
        return not self.begun or self.row != self.job.newest or self._version != self.job.version

    def show(self, seen: Seen) -> None:
        """Write what is new, as far as the client reads; the rest takes another look."""
        if not self.begun and self.row is not None and not seen.look.known:
            self.row = None  # not a row of this job: it begins after all
            return
        if self.row is None:
            self.show_beginning(seen)
            self.row = seen.look.newest
        else:
            for row, event in self.rows_of(seen):
                if not self.stream.ready:
                    break
                self.stream.write(event)
                self.row = row
        self.begun = True
        if self.row < seen.look.newest or not self.stream.ready:
            return
        if self._version != seen.version:
            self.show_job(seen)
            self._version = seen.version
        if seen.look.status in TERMINAL:
            self.stream.end("the job has ended")

    # what a follower of another form does in another way

    def show_beginning(self, seen: Seen) -> None:
        """Write what a client that begins gets first."""
        self.stream.write(seen.whole_history)

    def rows_of(self, seen: Seen) -> list[tuple[int, bytes]]:
        """Return the new rows of the history: id and event."""
        return seen.rows

    def show_job(self, seen: Seen) -> None:
        """Write how the job looks now."""
        self.stream.write(seen.job)

    def hear(self, said: str) -> None:
        """Take in what was last said of the job's progress."""

    def preview_event(self, shown: Shown) -> bytes:
        """Return the event that shows a preview."""
        return Event("job_preview", as_event(self.job.id, shown, "url")).encode()

    def resume(self) -> None:
        """Show what was held back, and what nobody looked for while the client did not read."""
        self._reader.want(self)

    def gone(self) -> None:
        """Follow no more."""
        self._reader.leave(self)

    def about(self) -> Mapping[str, str]:
        """Return what the log should say of the stream."""
        return {"job_id": str(self.job.id)}


class InlineFollower(Follower):
    """One whose previews have their pictures in them."""

    form = "inline"

    def preview_event(self, shown: Shown) -> bytes:
        """Return the event that shows a preview."""
        return Event("job_preview", as_event(self.job.id, shown, "inline")).encode()


MakeFollower = Callable[[Reader, Watched, Stream, int | None], Follower]
