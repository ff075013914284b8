"""Connector for ComfyUI: a graph goes in, its events are followed, everything it stored comes back.

``api.py`` and ``events.py`` speak the protocol; ``inputs.py``, ``watch.py`` and ``outputs.py`` are the three parts of a
run; ``problems.py`` reads refusals and failures, ``offers.py`` what the machine has.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import uuid4

import structlog

from emprops.connectors.base import Capabilities, ConnectorError, Health, Outcome, RetryableError, RunContext
from emprops.connectors.comfyui.api import IDLE_TIMEOUT, MAX_JSON_BYTES, Api
from emprops.connectors.comfyui.events import Events, Pause
from emprops.connectors.comfyui.inputs import Uploads, read_graph
from emprops.connectors.comfyui.offers import read_offers, uploads_of
from emprops.connectors.comfyui.outputs import Collector
from emprops.connectors.comfyui.problems import Graph, refusal
from emprops.connectors.comfyui.watch import PATIENCE, QUIET, Watch
from emprops.queue.messages import Ticket
from emprops.settings import Settings

log = structlog.get_logger(__name__)

STOP_TIME = 8.0
"""Seconds that a run which was told to stop takes at most to say so to ComfyUI."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Durations in seconds."""

    quiet: float = QUIET
    """How long a run waits for an event until it asks."""
    away: float = PATIENCE
    """How long a run waits for a server that went away."""
    answer: float = IDLE_TIMEOUT
    """Longest silence within an answer."""
    offers: float = 60.0
    """How old what is known of the machine may be: on large installations, ``/object_info`` takes ComfyUI a second."""


class ComfyUI:
    """Connector for the job type ``comfyui``. Payload: ``workflow``, a graph in API form with its inputs filled."""

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
        self._offers: Capabilities | None = None
        self._offers_read = 0.0

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
        """Give the machine's model files, node classes and packs. Raises :class:`RetryableError` while it is away."""
        known, self._offers = self._offers, None
        if known is not None and time.monotonic() - self._offers_read < self._patience.offers:
            await self._api.get("/prompt")  # a word about its queue, which is as good a sign of life as any
            self._offers = known
            return known
        object_info = await self._api.get("/object_info")
        self._uploads = uploads_of(object_info)
        self._offers, self._offers_read = await asyncio.to_thread(read_offers, object_info), time.monotonic()
        return self._offers

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """Run the graph and bring its results here.

        Raises :class:`BadInputError` for a graph that ComfyUI refuses, :class:`FinalError` when a node fails or the
        machine lacks a model or node class, :class:`RetryableError` when ComfyUI is away, restarted, or out of memory.
        """
        graph = read_graph(ticket.payload)
        context.progress(0.0, "Preparing")
        await Uploads(self._api, context, self._uploads).fill(graph)
        prompt = _Prompt(self._api, graph, previews=context.shows_previews)
        # Connected first, so that no event is missed.
        async with Events(self._api.socket_url(prompt.client_id), pause=self._pause) as events:
            try:
                prompt_id = await prompt.submit()
                watch = Watch(
                    self._api,
                    events,
                    context,
                    graph,
                    prompt_id,
                    quiet=self._patience.quiet,
                    patience=self._patience.away,
                )
                outputs = await watch.outputs()
            except BaseException:
                await prompt.withdraw()
                raise
        outcome = await Collector(self._api, context, self._max_file_bytes).collect(outputs, graph)
        context.progress(100.0)
        return outcome

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()


class _Prompt:
    """One graph's place in ComfyUI's queue."""

    def __init__(self, api: Api, graph: Graph, *, previews: bool) -> None:
        self.client_id = uuid4().hex
        self._api = api
        self._graph = graph
        self._id = str(uuid4())
        self._extra = {"preview_method": "auto"} if previews else {}
        self._submission: asyncio.Task[str] | None = None
        self._withdrawal: asyncio.Task[None] | None = None
        self._refused = False

    async def submit(self) -> str:
        """Put the graph into the queue; gives the prompt's id."""
        self._submission = asyncio.create_task(self._submit())
        # A request that was begun is finished in any case: only then is it known what to withdraw.
        return await asyncio.shield(self._submission)

    async def _submit(self) -> str:
        # Newer servers take our id; older ones give their own.
        body: dict[str, Any] = {"prompt": self._graph, "client_id": self.client_id, "prompt_id": self._id}
        try:
            answer = await self._api.post("/prompt", body | {"extra_data": self._extra})
        except RetryableError:
            found = await self._found()
            if found is None:
                raise
            self._id = found
            return found
        match answer.document:
            case {"prompt_id": str(prompt_id)} if answer.status == 200:
                self._id = prompt_id
                return prompt_id
            case dict() if answer.status == 400:
                self._refused = True
                raise refusal(answer.status, answer.document, self._graph)
            case _:
                raise RetryableError(
                    f"ComfyUI at {self._api.place} gave no sensible answer to the graph (status {answer.status}).",
                    details={"status": answer.status},
                )

    async def _found(self) -> str | None:
        """Look for a prompt whose submission was not answered."""
        with contextlib.suppress(ConnectorError):
            queue = await self._api.queue()
            for item in (*queue.running, *queue.pending):
                if self._ours(item):
                    return str(item[1])
            if await self._api.history(self._id) is not None:
                return self._id
        return None

    def _ours(self, item: list[Any]) -> bool:
        extra = item[3] if len(item) > 3 and isinstance(item[3], dict) else {}
        return item[1] == self._id or extra.get("client_id") == self.client_id

    async def withdraw(self) -> None:
        """Remove or interrupt exactly this prompt, if it is still there. Ends within seconds, whatever the server does.

        Raises nothing but the cancellation of the caller, which does not keep the prompt from being withdrawn.
        """
        self._withdrawal = asyncio.create_task(self._withdraw())
        await asyncio.shield(self._withdrawal)

    async def _withdraw(self) -> None:
        try:
            async with asyncio.timeout(STOP_TIME):
                if await self._is_queued() and not await self._cancelled_by_id():
                    await self._remove_or_interrupt()
        except (ConnectorError, TimeoutError) as error:
            log.warning("could not withdraw a prompt", prompt_id=self._id, error=str(error))

    async def _is_queued(self) -> bool:
        """Wait for the submission's end; False if the server refused the graph."""
        if self._submission is None:
            return False
        with contextlib.suppress(ConnectorError):  # it may have come through all the same
            await self._submission
        return not self._refused

    async def _cancelled_by_id(self) -> bool:
        """Ask the newest servers, which look and cancel in one step."""
        answer = await self._api.post(f"/api/jobs/{self._id}/cancel", {})
        return answer.status == 200 and isinstance(answer.document, dict) and answer.document.get("cancelled") is True

    async def _remove_or_interrupt(self) -> None:
        queue = await self._api.queue()
        waiting = [item[1] for item in queue.pending if self._ours(item)]
        if waiting:
            await self._api.post("/queue", {"delete": waiting})
            queue = await self._api.queue()  # it may have begun in between
        running = [item[1] for item in queue.running if self._ours(item)]
        if running:
            # Older servers interrupt whatever runs, so this is sent only while that is ours.
            await self._api.post("/interrupt", {"prompt_id": running[0]})
