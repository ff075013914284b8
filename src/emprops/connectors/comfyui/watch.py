"""Following one prompt to its end. Events tell how far it is; that it ended, only ComfyUI's history can say."""

import time
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.base import RetryableError, RunContext
from emprops.connectors.comfyui.api import Api
from emprops.connectors.comfyui.events import Event, Events, Preview
from emprops.connectors.comfyui.frames import Frames
from emprops.connectors.comfyui.meter import Meter
from emprops.connectors.comfyui.problems import (
    Graph,
    MissingNode,
    failure,
    interrupted,
    is_block,
    missing_node,
)

QUIET = 5.0
"""Seconds of silence after which the server is asked how the prompt stands."""
PATIENCE = 60.0
"""Seconds that a server may be away in the middle of a run."""
LATE = 3.0
"""Seconds that a prompt may be neither in the queue nor in the history before it counts as lost."""
AGAIN = 0.5
"""Seconds after which it is then looked for again."""


@dataclass(slots=True)
class Watch:
    """One prompt, from its submission to its entry in the history."""

    api: Api
    events: Events
    context: RunContext
    graph: Graph
    prompt_id: str
    frames: Frames
    allow_partial: bool = False
    quiet: float = QUIET
    patience: float = PATIENCE
    late: float = LATE
    blocked: dict[str, MissingNode] = field(default_factory=dict)
    """Nodes that did not run because one before them said so, where that is allowed."""
    _meter: Meter = field(init=False)
    _heard: float = field(default_factory=time.monotonic)
    _due: float = 0.0
    """When the records are to be looked at."""
    _gone: float | None = None
    """Since when no record has the prompt."""
    _percent: float = 0.0
    _ended: bool = False
    """Whether ComfyUI has said that the prompt ended: all its messages were before that."""

    def __post_init__(self) -> None:
        self._meter = Meter(self.graph)
        self._wait(self.quiet)

    async def outputs(self) -> dict[str, Any]:
        """Wait for the end; return node id → what it put out.

        Raises what the graph's failure means, and :class:`RetryableError` when the server forgot the prompt, when
        somebody removed or interrupted it, when pictures that are sent were missed, or when the server is away for
        longer than ``patience``.
        """
        while True:
            if self.context.cancelled():
                raise RetryableError("The run was told to stop.")
            message = await self.events.next(max(0.0, self._due - time.monotonic()))
            if message is not None and not await self._take(message):
                continue
            entry = await self._look()
            self._wait(self.quiet if self._gone is None else min(self.quiet, AGAIN))
            if entry is not None:
                outputs = self._outputs(entry)
                await self._hear_out()
                return outputs

    def _wait(self, seconds: float) -> None:
        """Look at the records when that long nothing is heard of the prompt; messages about others do not count."""
        self._due = time.monotonic() + seconds

    async def _take(self, message: Event | Preview) -> bool:
        """Take a message in; return whether it is time to look at the records."""
        self._heard = time.monotonic()
        if isinstance(message, Event):
            return self._told(message)
        if message.prompt_id in (None, self.prompt_id):
            self._wait(self.quiet)
            if not await self.frames.take(message, self._meter.running):
                self.context.preview(message.content, message.mime_type, message.node)
        return False

    def _told(self, event: Event) -> bool:
        if event.data.get("prompt_id", self.prompt_id) != self.prompt_id:
            return False
        if event.type == "execution_error":
            error = failure(event.data, self.graph)
            if not (self.allow_partial and is_block(event.data)):
                raise error
            node = str(event.data.get("node_id", ""))
            self.blocked[node] = missing_node(node, error.message, self.graph)
            return False
        if event.type == "execution_interrupted":
            raise interrupted(event.data, self.graph)
        if self._meter.tell(event):
            self._wait(self.quiet)
            # Rises only: a cached node may be told of late, and a loop begins its nodes anew.
            self._percent = max(self._percent, self._meter.percent)
            self.context.progress(self._percent, self._meter.message)
            return False
        end = event.type == "execution_success" or (event.type == "executing" and event.data.get("node") is None)
        self._ended = self._ended or end
        return end

    async def _hear_out(self) -> None:
        """Wait for pictures that were sent before the end, if the graph sends any."""
        deadline = time.monotonic() + self.quiet
        while self.frames.nodes and self.events.whole and not self._ended and time.monotonic() < deadline:
            message = await self.events.next(max(0.0, deadline - time.monotonic()))
            if message is not None:
                await self._take(message)
        self.frames.check(complete=self.events.whole and self._ended, oversized=self.events.too_large)

    async def _look(self) -> dict[str, Any] | None:
        """Read how the prompt stands: its entry in the history, or None while it waits or runs."""
        try:
            queue = await self.api.queue()
            # The queue first: between the two, a prompt can only move from it into the history.
            if any(item[1] == self.prompt_id for item in (*queue.running, *queue.pending)):
                self._heard, self._gone = time.monotonic(), None
                return None
            entry = await self.api.history(self.prompt_id)
        except RetryableError:
            if time.monotonic() - self._heard > self.patience:
                raise
            return None
        if entry is None:
            self._miss()
        return entry

    def _miss(self) -> None:
        """Note that no record has the prompt. Raises :class:`RetryableError` once that has been so for a while."""
        now = time.monotonic()
        self._gone = now if self._gone is None else self._gone
        if now - self._gone >= self.late:
            raise RetryableError(
                f"ComfyUI at {self.api.place} does not know the prompt any more: it was restarted, or somebody removed "
                "the prompt.",
                details={"code": "prompt_lost"},
            )

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
