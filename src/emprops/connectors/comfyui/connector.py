"""Connector for ComfyUI: a graph goes in, its events are followed, everything it stored comes back.

``api.py`` and ``events.py`` speak the protocol; ``inputs.py``, ``prompt.py``, ``watch.py`` and ``outputs.py`` are the
parts of a run; ``problems.py`` reads refusals and failures, ``offers.py`` what the machine has.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from emprops.connectors.base import Capabilities, ConnectorError, Health, Outcome, RetryableError, RunContext
from emprops.connectors.comfyui import editor
from emprops.connectors.comfyui.api import IDLE_TIMEOUT, MAX_JSON_BYTES, Api
from emprops.connectors.comfyui.catalogue import Catalogue, read_catalogue
from emprops.connectors.comfyui.events import MAX_MESSAGE_BYTES, Events, Pause
from emprops.connectors.comfyui.frames import Frames
from emprops.connectors.comfyui.inputs import Uploads, read_graph
from emprops.connectors.comfyui.offers import read_offers, uploads_of
from emprops.connectors.comfyui.outputs import Collector
from emprops.connectors.comfyui.problems import Graph
from emprops.connectors.comfyui.prompt import Prompt
from emprops.connectors.comfyui.submitted import keys_in
from emprops.connectors.comfyui.watch import LATE, PATIENCE, QUIET, Watch
from emprops.queue.messages import Ticket
from emprops.settings import Settings

MAX_SENT_BYTES = 512 * 1024 * 1024
"""Largest picture that is taken from the WebSocket; it is in memory while it arrives."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Durations in seconds."""

    quiet: float = QUIET
    """How long a run waits for an event until it asks."""
    away: float = PATIENCE
    """How long a run waits for a server that went away."""
    late: float = LATE
    """How long a prompt may be in none of the server's records."""
    answer: float = IDLE_TIMEOUT
    """Longest silence within an answer."""
    stuck: float = 30.0
    """How long a prompt that was told to stop may go on until the machine counts as out of service."""
    offers: float = 60.0
    """How old what is known of the machine may be: on large installations, ``/object_info`` takes ComfyUI a second."""


class ComfyUI:
    """Connector for the job type ``comfyui``.

    Payload: ``workflow``, a graph in API form with its inputs filled; ``allow_partial``, whether a result is wanted
    although some of the graph's outputs cannot be run; ``saved_workflow``, what the graph was converted from;
    ``texts``, ``"files"`` if each text is wanted as a file of its node; ``extra_data``, keys for nodes that call
    services of others.
    """

    name: ClassVar[str] = "comfyui"

    def __init__(
        self,
        settings: Settings,
        *,
        max_answer_bytes: int = MAX_JSON_BYTES,
        patience: Patience | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.job_types = frozenset({"comfyui"})
        self._patience = patience or Patience()
        self._api = Api(settings.comfyui_url, idle=self._patience.answer, max_json_bytes=max_answer_bytes)
        self._max_file_bytes = settings.max_result_bytes
        self._pause = pause
        self._uploads: frozenset[tuple[str, str]] = frozenset()
        self._classes: Catalogue = {}
        self._offers: Capabilities | None = None
        self._offers_read = 0.0
        self._stopped: dict[str, float] = {}
        """When prompts were told to stop that may still run."""

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        """Whether there is an address of a ComfyUI."""
        return bool(settings.comfyui_url)

    async def check(self) -> Health:
        """Ready if the server answers."""
        try:
            stats = await self._api.get("/system_stats")
        except ConnectorError as error:
            return Health(ok=False, message=error.message)
        system = stats.get("system")
        version = system.get("comfyui_version", "?") if isinstance(system, dict) else "?"
        return Health(ok=True, message=f"ComfyUI {version} at {self._api.place}.")

    async def capabilities(self) -> Capabilities:
        """Return the machine's model files, node classes and packs.

        Raises :class:`RetryableError` while it is away, or works on something that was told to stop.
        """
        known, self._offers = self._offers, None
        await self._look_for_stopped()
        if known is not None and time.monotonic() - self._offers_read < self._patience.offers:
            await self._api.get("/prompt")  # a word about its queue, which is as good a sign of life as any
            self._offers = known
            return known
        object_info = await self._api.get("/object_info")
        self._uploads = uploads_of(object_info)
        self._classes = await asyncio.to_thread(read_catalogue, object_info)
        self._offers = await asyncio.to_thread(read_offers, object_info, self._classes)
        self._offers_read = time.monotonic()
        return self._offers

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """Run the graph and bring its results here.

        Raises :class:`BadInputError` for a graph that ComfyUI refuses, :class:`FinalError` when a node fails or the
        machine lacks a model or node class, :class:`RetryableError` when ComfyUI is away, restarted, or out of memory.
        """
        graph = read_graph(ticket.payload)
        allow_partial = ticket.payload.get("allow_partial") is True
        context.progress(0.0, "Preparing")
        await Uploads(self._api, context, self._uploads).fill(graph)
        extra: dict[str, Any] = {"preview_method": "auto"} if context.shows_previews else {}
        extra |= keys_in(ticket.payload)
        extra["extra_pnginfo"] = {"workflow": editor.for_run(ticket.payload, graph, self._classes)}
        prompt = Prompt(self._api, graph, extra, outputs=self._outputs_of(graph), allow_partial=allow_partial)
        frames = Frames(graph, context.folder, min(self._max_file_bytes, MAX_SENT_BYTES))
        url, largest = self._api.socket_url(prompt.client_id), MAX_SENT_BYTES if frames.nodes else MAX_MESSAGE_BYTES
        # Connected first, so that no event is missed.
        async with Events(url, pause=self._pause, max_bytes=largest) as events:
            try:
                prompt_id = await prompt.submit()
                watch = Watch(
                    self._api,
                    events,
                    context,
                    graph,
                    prompt_id,
                    frames,
                    allow_partial=allow_partial,
                    quiet=self._patience.quiet,
                    patience=self._patience.away,
                    late=self._patience.late,
                )
                outputs = await watch.outputs()
            except BaseException as error:
                await prompt.withdraw()
                if prompt.queued is not None:
                    self._stopped[prompt.queued] = time.monotonic()
                await self._make_room(error)
                raise
        missing = [*prompt.missing, *watch.blocked.values()]
        as_files = ticket.payload.get("texts") == "files"
        collector = Collector(self._api, context, self._max_file_bytes, texts_as_files=as_files)
        outcome = await collector.collect(outputs, graph, frames=frames.files, missing=missing)
        context.progress(100.0)
        return outcome

    def _outputs_of(self, graph: Graph) -> frozenset[str]:
        classes = {node: self._classes.get(content["class_type"]) for node, content in graph.items()}
        return frozenset(node for node, known in classes.items() if known is not None and known.is_output)

    async def _look_for_stopped(self) -> None:
        """See whether all that was told to stop has ended. A ComfyUI whose worker thread has died takes prompts and
        never runs them, and a node may not listen; other jobs are better off elsewhere meanwhile."""
        if not self._stopped:
            return
        running = {str(item[1]) for item in (await self._api.queue()).running}
        self._stopped = {prompt: since for prompt, since in self._stopped.items() if prompt in running}
        if self._stopped and time.monotonic() - min(self._stopped.values()) >= self._patience.stuck:
            raise RetryableError(
                f"ComfyUI at {self._api.place} goes on with a prompt that was told to stop. If that does not end,"
                " restart it."
            )

    async def _make_room(self, error: BaseException) -> None:
        """After a lack of memory, have ComfyUI put its models away, so that the next try finds room."""
        if isinstance(error, ConnectorError) and error.details.get("code") == "out_of_memory":
            with contextlib.suppress(ConnectorError):
                await self._api.post("/free", {"unload_models": True, "free_memory": True})

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()
