"""Following one prompt to its end. Events tell how far it is; that it ended, only ComfyUI's history can say."""

import time
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.base import RetryableError, RunContext
from emprops.connectors.comfyui.api import Api
from emprops.connectors.comfyui.events import Event, Events, Preview
from emprops.connectors.comfyui.problems import Graph, class_of, failure, interrupted

QUIET = 5.0
"""Seconds of silence after which the server is asked how the prompt stands."""
PATIENCE = 60.0
"""Seconds that a server may be away in the middle of a run."""
RAN = 95.0
"""Progress once the graph has run; the rest is bringing the results here."""


@dataclass(slots=True)
class Meter:
    """How far a graph is, from the events about its nodes. Every node counts the same."""

    graph: Graph
    done: set[str] = field(default_factory=set)
    shares: dict[str, float] = field(default_factory=dict)
    """Nodes that run, and how much of each is done, 0–1."""
    message: str = ""

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
        meta = self.graph[node].get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        return str(title)[:100] if title else class_of(self.graph, node)


@dataclass(slots=True)
class Watch:
    """One prompt, from its submission to its entry in the history."""

    api: Api
    events: Events
    context: RunContext
    graph: Graph
    prompt_id: str
    quiet: float = QUIET
    patience: float = PATIENCE
    _heard: float = field(default_factory=time.monotonic)
    _percent: float = 0.0

    async def outputs(self) -> dict[str, Any]:
        """Wait for the end; gives node id → what it put out.

        Raises what the graph's failure means, and :class:`RetryableError` when the server forgot the prompt, when
        somebody removed or interrupted it, or when the server is away for longer than ``patience``.
        """
        meter = Meter(self.graph)
        while True:
            if self.context.cancelled():
                raise RetryableError("The run was told to stop.")
            message = await self.events.next(self.quiet)
            if isinstance(message, Event):
                self._heard = time.monotonic()
                if not self._told(message, meter):
                    continue
            elif isinstance(message, Preview):
                self._heard = time.monotonic()
                if message.prompt_id in (None, self.prompt_id):
                    self.context.preview(message.content, message.mime_type, message.node)
                continue
            entry = await self._look()
            if entry is not None:
                return self._outputs(entry)

    def _told(self, event: Event, meter: Meter) -> bool:
        """Take an event in; says whether it is time to look at the records."""
        if event.data.get("prompt_id", self.prompt_id) != self.prompt_id:
            return False
        if event.type == "execution_error":
            raise failure(event.data, self.graph)
        if event.type == "execution_interrupted":
            raise interrupted(event.data, self.graph)
        if meter.tell(event):
            # Rises only: a cached node may be told of late, and a loop begins its nodes anew.
            self._percent = max(self._percent, meter.percent)
            self.context.progress(self._percent, meter.message)
            return False
        return event.type == "execution_success" or (event.type == "executing" and event.data.get("node") is None)

    async def _look(self) -> dict[str, Any] | None:
        """Read how the prompt stands: its entry in the history, or None while it waits or runs."""
        try:
            queue = await self.api.queue()
            # The queue first: between the two, a prompt can only move from it into the history.
            if any(item[1] == self.prompt_id for item in (*queue.running, *queue.pending)):
                self._heard = time.monotonic()
                return None
            entry = await self.api.history(self.prompt_id)
        except RetryableError:
            if time.monotonic() - self._heard > self.patience:
                raise
            return None
        if entry is None:
            raise RetryableError(
                f"ComfyUI at {self.api.place} does not know the prompt any more: it was restarted, or somebody removed "
                "the prompt.",
                details={"code": "prompt_lost"},
            )
        return entry

    def _outputs(self, entry: dict[str, Any]) -> dict[str, Any]:
        status = entry.get("status")
        if isinstance(status, dict) and status.get("status_str") == "error":
            messages = status.get("messages")
            for message in messages if isinstance(messages, list) else ():
                match message:
                    case ["execution_error", dict(data)]:
                        raise failure(data, self.graph)
                    case ["execution_interrupted", dict(data)]:
                        raise interrupted(data, self.graph)
            raise failure({"exception_message": "the graph failed, and ComfyUI does not say why"}, self.graph)
        outputs = entry.get("outputs")
        return outputs if isinstance(outputs, dict) else {}
