"""A job as the event stream of Comfy API v2: ``status``, ``progress``, ``preview``, ``output``, ``log``.

A client that connects gets the present status, with the place in the queue, and progress, then what changes; ``output``
events come before the ``status`` that ends it. Lines of the job's history are ``log`` events. Ids are those of our own
streams (``jobs/stream.py``), so a client that comes back with the last one it saw misses no line, although this API
does not ask for that.
"""

import base64
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from emprops.comfy_api.links import Links
from emprops.comfy_api.replies import output_json
from emprops.comfy_api.states import QUEUED, TERMINAL, progress_of, spoken, status_of
from emprops.jobs.lookout import Lookout
from emprops.jobs.queries import to_bytes
from emprops.jobs.stream import Follower, Reader, Seen, Watched
from emprops.kit.web.sse import Event
from emprops.kit.web.streams import Feed, Stream
from emprops.queue.previews import Shown
from emprops.workflows.comfy_graph import Graph

NOTHING_YET = b":no preview\n\n"


class ComfyFollower(Follower):
    """What one stream of this API knows of its job."""

    __slots__ = ("_graph", "_links", "_position", "_progress", "_status", "_written")
    form = "comfy"
    listens = True

    def __init__(
        self, reader: Reader, job: Watched, stream: Stream, row: int | None, *, links: Links, position: int | None
    ) -> None:
        """``position``: of a waiting job in the queue, as the stream begins."""
        super().__init__(reader, job, stream, row)
        self._links = links
        self._position = position
        self._graph: Graph | None = None
        self._written: dict[str, Any] | None = None
        self._status = ""
        self._progress: dict[str, Any] | None = None

    def show_beginning(self, seen: Seen) -> None:
        """Write nothing: what a client that begins gets first is how the job stands."""

    def rows_of(self, seen: Seen) -> list[tuple[int, bytes]]:
        """Return the new lines of the history."""
        lines: list[tuple[int, bytes]] = []
        for row in seen.look.rows:
            level = "error" if row["status"] == "failed" or " failed" in row["message"] else "info"
            event = Event("log", {"level": level, "message": row["message"]}, row["id"])
            lines.append((int(row["id"]), event.encode()))
        return lines

    def show_job(self, seen: Seen) -> None:
        """Write what is new of the status and the results; while the job runs, :meth:`hear` writes its progress."""
        look = seen.look
        status = status_of(look.status, cancelled=look.cancelled)
        self._progress = progress_of(status, look.progress, len(self._graph_of(look.data)))
        if status not in TERMINAL:
            if status != self._status:
                position = self._position if status == QUEUED else None
                self._write("status", {"status": status, "queue_position": position}, str(look.newest))
                self._position = None
                self._status = status
            return
        for made in look.made or ():
            self._write("output", output_json(made, str(look.id), self._links))
        self._write("progress", self._progress)
        self._write("status", {"status": status, "queue_position": None}, f"{look.newest}-end")

    def hear(self, said: str) -> None:
        """Write how far the job is, with what its worker says of that."""
        if self._progress is None or self._graph is None:
            return
        progress = self._progress | spoken(self._graph, said)
        if progress != self._written:
            self._written = progress
            self._write("progress", progress)

    def preview_event(self, shown: Shown) -> bytes:
        """Return the event that shows a picture; of a text nothing, as this API has no event for it."""
        preview = shown.preview
        if not preview.mime_type.startswith("image/"):
            return NOTHING_YET
        data = base64.b64encode(preview.content).decode()
        about = {"node_id": preview.node or "", "content_type": preview.mime_type, "data_base64": data}
        return Event("preview", about).encode()

    def _graph_of(self, data: str) -> Graph:
        if self._graph is None:
            self._graph = graph = orjson.loads(data)["variables"]["workflow"]
            return dict(graph)
        return self._graph

    def _write(self, name: str, data: Any, event_id: str | None = None) -> None:
        self.stream.write(Event(name, orjson.Fragment(to_bytes(data)), event_id).encode())


def feed_of(lookout: Lookout, job_id: UUID, last_row: int | None, links: Links, position: int | None) -> Feed:
    """Return what feeds a stream with a job from after this row of its history on. ``position``: its place in the
    queue, if it waits."""
    make = partial(ComfyFollower, links=links, position=position)
    return partial(lookout.follow, job_id=job_id, last_row=last_row, make=make)
