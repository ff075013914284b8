"""One graph's place in ComfyUI's queue: how it gets there, and how exactly it is taken away again."""

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

import structlog

from emprops.connectors.base import ConnectorError, RetryableError
from emprops.connectors.comfyui.api import Api
from emprops.connectors.comfyui.problems import Graph, MissingNode, missing_outputs, refusal

log = structlog.get_logger(__name__)

STOP_TIME = 8.0
"""Seconds that a run which was told to stop takes at most to say so to ComfyUI."""


class Prompt:
    """A graph that is to run, waits, or runs."""

    def __init__(
        self,
        api: Api,
        graph: Graph,
        extra: dict[str, Any],
        *,
        outputs: frozenset[str] = frozenset(),
        allow_partial: bool = False,
    ) -> None:
        self.client_id = uuid4().hex
        self.missing: list[MissingNode] = []
        """Outputs that ComfyUI will not run, where that is allowed."""
        self._api = api
        self._graph = graph
        self._extra = extra
        self._outputs = outputs
        """The nodes that ComfyUI will run if it refuses none; empty if that is not known."""
        self._allow_partial = allow_partial
        self._id = str(uuid4())
        self._submission: asyncio.Task[str] | None = None
        self._withdrawal: asyncio.Task[None] | None = None
        self._refused = False

    async def submit(self) -> str:
        """Put the graph into the queue; return the prompt's id.

        Raises what :func:`~emprops.connectors.comfyui.problems.refusal` makes of a refusal; also of one that concerns
        some outputs only, unless a part of the results is allowed: then the prompt is in the queue, to be withdrawn.
        """
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
                self._note_missing(answer.document)
                return prompt_id
            case dict() if answer.status == 400:
                self._refused = True
                raise refusal(answer.status, answer.document, self._graph)
            case _:
                raise RetryableError(
                    f"ComfyUI at {self._api.place} gave no sensible answer to the graph (status {answer.status}).",
                    details={"status": answer.status},
                )

    def _note_missing(self, document: dict[str, Any]) -> None:
        """Look for outputs that were refused while the others were taken."""
        if not document.get("node_errors"):
            return
        if not self._allow_partial:
            raise refusal(200, document, self._graph)
        self.missing = missing_outputs(document["node_errors"], self._graph)

    async def _found(self) -> str | None:
        """Look for a prompt whose submission was not answered. One that runs in part only is as good as none: what was
        wrong with the rest stood in the answer."""
        with contextlib.suppress(ConnectorError):
            queue = await self._api.queue()
            found = [item for item in (*queue.running, *queue.pending) if self._ours(item)]
            if not found:
                entry = await self._api.history(self._id)
                said = None if entry is None else entry.get("prompt")
                found = [] if entry is None else [said if isinstance(said, list) else [0, self._id]]
            if found and self._is_whole(found[0]):
                return str(found[0][1])
        return None

    def _is_whole(self, item: list[Any]) -> bool:
        runs = item[4] if len(item) > 4 and isinstance(item[4], list) else []
        return not runs or self._outputs.issubset(name for name in runs if isinstance(name, str))

    def _ours(self, item: list[Any]) -> bool:
        extra = item[3] if len(item) > 3 and isinstance(item[3], dict) else {}
        return item[1] == self._id or extra.get("client_id") == self.client_id

    @property
    def queued(self) -> str | None:
        """The id of the prompt, if it may be in the queue."""
        return None if self._submission is None or self._refused else self._id

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
            log.warning("prompt not withdrawn", prompt_id=self._id, error=str(error))

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
