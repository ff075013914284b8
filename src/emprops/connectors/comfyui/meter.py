"""How far a graph is, by the events about its nodes. Pure."""

import re
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.comfyui.events import Event
from emprops.connectors.comfyui.problems import Graph, class_of

RAN = 95.0
"""Progress once the graph has run; the rest is bringing the results here."""
COUNTED = re.compile(r"(.+) (\d{1,9})/(\d{1,9})")
"""A message about a node and its step."""


@dataclass(slots=True)
class Meter:
    """How far a graph is, from the events about its nodes. Every node counts the same."""

    graph: Graph
    done: set[str] = field(default_factory=set)
    shares: dict[str, float] = field(default_factory=dict)
    """Nodes that run, and how much of each is done, 0–1."""
    message: str = ""
    running: str = ""
    """The node that began last."""

    @property
    def percent(self) -> float:
        """0 to :data:`RAN`."""
        running = sum(share for node, share in self.shares.items() if node not in self.done)
        return RAN * min(1.0, (len(self.done) + running) / max(1, len(self.graph)))

    def tell(self, event: Event) -> bool:
        """Take an event in; says whether it meant progress."""
        data = event.data
        match event.type:
            case "execution_start":
                self.message = "Started"
            case "execution_cached" if isinstance(data.get("nodes"), list):
                self.done |= self.graph.keys() & {node for node in data["nodes"] if isinstance(node, str)}
            case "executing" if isinstance(data.get("node"), str):
                self.running = data["node"]
                self._begin(self._own(data.get("display_node") or data["node"]))
            case "executed" if isinstance(data.get("node"), str):
                self._finish(self._own(data["node"]))
            case "progress":
                self._advance(self._own(data.get("node")), data.get("value"), data.get("max"))
            case "progress_text" if data.get("node") in self.graph:
                self.message = f"{self._title(data['node'])}: {str(data.get('text', ''))[:200]}"
            case "progress_state" if isinstance(data.get("nodes"), dict):
                for node, state in data["nodes"].items():
                    if node in self.graph and isinstance(state, dict):
                        self._state(node, state)
            case _:
                return False
        return True

    def _own(self, node: Any) -> str:
        name = node if isinstance(node, str) else ""
        return name if name in self.graph else name.partition(".")[0]

    def _begin(self, node: str) -> None:
        # Nodes run one after the other here; those that began before have ended, whether or not that was told.
        for other in [name for name in self.shares if name != node]:
            self._finish(other)
        if node in self.graph and node not in self.done:
            self.shares.setdefault(node, 0.0)
            self.message = self._title(node)

    def _finish(self, node: str) -> None:
        self.shares.pop(node, None)
        if node in self.graph:
            self.done.add(node)

    def _advance(self, node: str, value: Any, top: Any) -> None:
        if not (isinstance(value, int | float) and isinstance(top, int | float) and top > 0):
            return
        if not node and len(self.shares) == 1:
            node = next(iter(self.shares))
        if node in self.graph and node not in self.done:
            self.shares[node] = max(self.shares.get(node, 0.0), min(1.0, value / top))
            self.message = f"{self._title(node)} {value:g}/{top:g}" if top > 1 else self._title(node)

    def _state(self, node: str, state: dict[str, Any]) -> None:
        if state.get("state") == "finished":
            self._finish(node)
        elif state.get("state") == "running":
            self._advance(node, state.get("value"), state.get("max"))

    def _title(self, node: str) -> str:
        return title_of(self.graph, node)


def title_of(graph: Graph, node: str) -> str:
    """Return what people call a node."""
    meta = graph[node].get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return str(title)[:100] if title else class_of(graph, node)


def read_message(graph: Graph, message: str) -> tuple[str | None, int | None, int | None]:
    """Return what a :class:`Meter`'s message is about: the node, if it is clear which, its step, and of how many."""
    title, step, steps = message, None, None
    if match := COUNTED.fullmatch(message):
        title, step, steps = match[1], int(match[2]), int(match[3])
    named = [node for node in graph if title_of(graph, node) == title]
    return named[0] if len(named) == 1 else None, step, steps
