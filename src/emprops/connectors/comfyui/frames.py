"""Pictures that nodes such as ``SaveImageWebsocket`` send over the WebSocket instead of storing them."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from emprops.connectors.base import FinalError, RetryableError, too_large
from emprops.connectors.comfyui.events import Preview
from emprops.connectors.comfyui.problems import Graph, class_of
from emprops.queue.bounds import MAX_FILES


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, stored in the run's folder."""

    node: str
    name: str
    path: Path


@dataclass(slots=True)
class Frames:
    """The pictures of one run that were sent. To ComfyUI they are previews; which node sends them tells them apart."""

    graph: Graph
    folder: Path
    max_bytes: int
    nodes: frozenset[str] = frozenset()
    """The nodes that send pictures as results."""
    files: list[Frame] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.nodes = frozenset(node for node in self.graph if _sends(class_of(self.graph, node)))

    async def take(self, picture: Preview, running: str) -> bool:
        """Keep a picture that is a result; return whether it is one. ``running`` sent it if it does not say who did.

        Raises :class:`FinalError` for more or larger pictures than are taken.
        """
        node = picture.node or running
        if node not in self.nodes:
            return False
        if len(self.files) == MAX_FILES:
            raise FinalError(f"The graph sends more than {MAX_FILES} pictures; that many are taken at most.")
        if len(picture.content) > self.max_bytes:
            raise too_large(f"A picture of node {node}", self.max_bytes)
        self._counts[node] += 1
        path = self.folder / f"sent-{len(self.files) + 1}"
        await asyncio.to_thread(path.write_bytes, picture.content)
        ending = ".png" if picture.mime_type == "image/png" else ".jpg"
        self.files.append(Frame(node, f"{class_of(self.graph, node)}_{self._counts[node]:05}{ending}", path))
        return True

    def check(self, *, complete: bool, oversized: bool) -> None:
        """Raise an error if pictures may be missing: nobody keeps them, so they are lost with the connection."""
        if not self.nodes or complete:
            return
        node = sorted(self.nodes)[0]
        about = {"code": "pictures_missed", "node_id": node, "class_type": class_of(self.graph, node)}
        if oversized:
            raise FinalError(
                f"A picture of node {node} is too large to be sent: store it with SaveImage.", details=about
            )
        raise RetryableError(f"Pictures that node {node} sends were missed: the connection was lost.", details=about)


def _sends(class_type: str) -> bool:
    name = class_type.lower()
    return "websocket" in name and ("save" in name or "send" in name)
