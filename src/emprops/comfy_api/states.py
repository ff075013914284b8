"""Our states, progress and kinds of results in the words of Comfy API v2. Pure.

``canceling`` and ``expired`` are words of theirs that never apply: a job that is cancelled has ended at once (its
worker stops within seconds, and can report nothing any more), and what it made stays as long as its owner wants.
"""

from typing import Any

from emprops.connectors.comfyui.meter import RAN, read_message
from emprops.jobs.states import JobStatus
from emprops.workflows.comfy_graph import Graph

QUEUED = "queued"
STATUS = {
    JobStatus.PENDING: QUEUED,
    JobStatus.PROCESSING: "running",
    JobStatus.COMPLETED: "succeeded",
    JobStatus.FAILED: "failed",
}
CANCELED = "canceled"
TERMINAL = frozenset({"succeeded", "failed", CANCELED})
ROUNDING = 0.005
"""Progress is kept in hundredths of a percent."""


def status_of(status: str, *, cancelled: bool) -> str:
    """Return a job's status."""
    return CANCELED if cancelled else STATUS[JobStatus(status)]


def progress_of(status: str, percent: float | None, nodes: int) -> dict[str, Any] | None:
    """Return how far a job is; None before it runs. Each of the ``nodes`` of its graph counts the same."""
    if status == QUEUED:
        return None
    if status == "succeeded":
        return {"value": 1.0, "nodes_done": nodes, "nodes_total": nodes}
    percent = percent or 0.0
    done = int((percent + ROUNDING) / RAN * nodes)
    return {"value": round(percent / 100, 4), "nodes_done": min(done, nodes), "nodes_total": nodes}


def spoken(graph: Graph, said: str) -> dict[str, Any]:
    """Return what a worker says of its progress, in parts; nothing if it says nothing."""
    if not said:
        return {}
    node, step, steps = read_message(graph, said)
    known = {} if node is None else {"current_node": node, "current_node_class": graph[node]["class_type"]}
    return {**known, "step": step, "steps": steps, "message": said}


def kind_of(mime_type: str) -> str:
    """Return what kind of result a file is."""
    kind = mime_type.partition("/")[0]
    return kind if kind in ("image", "video", "audio", "text") else "file"
