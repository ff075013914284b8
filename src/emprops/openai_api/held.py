"""Replies that are held back until a job has ended, and streams that show what it is making meanwhile."""

import asyncio
import base64
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emprops.errors import AppError
from emprops.jobs.ends import End, Ends
from emprops.jobs.preview import latest_preview
from emprops.jobs.queries import JobDetail, named
from emprops.jobs.waiting import end_within
from emprops.kit.pubsub import Poke
from emprops.kit.tasks import stop_tasks
from emprops.kit.web.doors import Failed
from emprops.kit.web.endpoint import Resources
from emprops.kit.web.envelope import request_id_of
from emprops.kit.web.idempotency import HEADER
from emprops.kit.web.server import is_stopping
from emprops.kit.web.sse import Event
from emprops.kit.web.streams import HEARTBEAT
from emprops.media.converting import Format
from emprops.media.result_links import ResultLinks
from emprops.openai_api import answers
from emprops.openai_api.failures import StillRunningError, translate
from emprops.openai_api.formats import given
from emprops.openai_api.inputs import PICTURE
from emprops.openai_api.schemas import ImageBody

PARTIALS: Final = 3
"""Partial pictures of a stream that does not say how many."""


@dataclass(slots=True)
class Hold:
    """How the reply to one request is held back."""

    resources: Resources
    results: ResultLinks
    ends: Ends
    stack: ExitStack
    body: ImageBody
    format: Format | None
    """What pictures within the reply are converted to."""
    kind: str
    """What events are named after."""
    sent_again: bool
    """Whether the request may be sent again, and means the same job then."""
    is_new: bool = False
    """Whether the job is started by this request's transaction."""

    def back(self, usual: Response) -> Response:
        """Return the reply that waits before it is sent. Called before the commit, so that no end is missed."""
        job_id = answers.job_id_of(bytes(usual.body))
        end = self.stack.enter_context(self.ends.expecting(str(job_id)))
        if not self.is_new:
            self.ends.look_at(str(job_id))
        return (_Stream if self.body.stream else _Whole)(self, job_id, end)

    async def job(self, scope: Scope, job_id: UUID, end: End) -> JobDetail:
        """Wait for the job. Raises :class:`StillRunningError`."""
        seconds = self.resources.settings.openai_patience
        job = await end_within(scope, end, seconds)
        if job is None:
            why = "The server stops" if is_stopping(scope) else f"The job has not ended within {seconds:g} seconds"
            again = f"; sent again with the same {HEADER}, this request waits for it" if self.sent_again else ""
            raise StillRunningError(f"{why}. It goes on as GET /api/jobs/{job_id}{again}.")
        return named(job, self.results)

    @asynccontextmanager
    async def converted(self, pictures: Sequence[answers.Picture]) -> AsyncIterator[Sequence[answers.Picture]]:
        """Lend pictures in the format asked for. Raises :class:`~emprops.openai_api.formats.ConversionError`."""
        with tempfile.TemporaryDirectory(prefix="emprops-pictures-", ignore_cleanup_errors=True) as folder:
            yield await given(self.resources.storage, pictures, self.format, Path(folder))


class _Held(Response):
    """A reply that waits for a job."""

    def __init__(self, hold: Hold, job_id: UUID, end: End) -> None:
        self.status_code = 200
        self._hold = hold
        self._job_id = job_id
        self._end = end


class _Whole(_Held):
    """The pictures, when all are there."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then send."""
        hold = self._hold
        job = await hold.job(scope, self._job_id, self._end)
        form = hold.body.form()
        pictures = await answers.pictures_of(hold.resources, job)
        async with hold.converted(pictures if form != "url" else ()) as inside:
            response = answers.answer(hold.resources, job, inside or pictures, form)
            await response(scope, receive, send)


class _Stream(_Held):
    """Events: partial pictures, then the pictures."""

    media_type = "text/event-stream"

    def __init__(self, hold: Hold, job_id: UUID, end: End) -> None:
        super().__init__(hold, job_id, end)
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._left = PARTIALS if hold.body.partial_images is None else hold.body.partial_images
        self._shown = 0
        self._sequence = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the pictures are there."""
        del receive
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            job = await self._ended(scope, send)
            async with self._hold.converted(await answers.pictures_of(self._hold.resources, job)) as pictures:
                for picture in pictures:
                    await self._completed(send, job, picture)
        except AppError as error:
            failed = Failed(scope["path"], error.status, error.code, error.message, error.extra, request_id_of(scope))
            await self._send(send, Event("error", translate(failed).body))
        await send({"type": "http.response.body", "body": b""})

    async def _ended(self, scope: Scope, send: Send) -> JobDetail:
        """Show what the job is making until it has ended."""
        hold = self._hold
        with hold.resources.pokes.listen(str(self._job_id)) as poke:
            ended = asyncio.create_task(hold.job(scope, self._job_id, self._end))
            try:
                while not ended.done():
                    if await self._poked(poke, ended):
                        await self._partial(send)
                    elif not ended.done():
                        await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
            finally:
                await stop_tasks([ended])
        return ended.result()

    async def _poked(self, poke: Poke, ended: "asyncio.Task[JobDetail]") -> bool:
        heard = asyncio.create_task(poke.wait(self._hold.resources.settings.stream_heartbeat))
        try:
            await asyncio.wait({heard, ended}, return_when=asyncio.FIRST_COMPLETED)
            return heard.done() and heard.result()
        finally:
            await stop_tasks([heard])

    async def _partial(self, send: Send) -> None:
        if not self._left:
            return
        resources = self._hold.resources
        shown = await latest_preview(resources.redis, resources.settings.queue_prefix, self._job_id, after=self._shown)
        if shown is None or not shown.preview.mime_type.startswith(PICTURE):
            return
        kind = f"{self._hold.kind}.partial_image"
        event = answers.event_of(
            kind,
            int(time.time()),
            shown.preview.mime_type,
            partial_image_index=self._sequence,
            b64_json=base64.b64encode(shown.preview.content).decode(),
        )
        await self._send(send, Event(kind, event))
        self._shown, self._left, self._sequence = shown.seq, self._left - 1, self._sequence + 1

    async def _completed(self, send: Send, job: JobDetail, picture: answers.Picture) -> None:
        kind = f"{self._hold.kind}.completed"
        fits = picture.key is not None and picture.size <= answers.MOST_IN_EVENT
        inside: dict[str, Any] = {} if fits and picture.path is not None else {"url": picture.url}
        if fits:
            pieces = [piece async for piece in answers.encoded(self._hold.resources.storage, picture)]
            inside["b64_json"] = b"".join(pieces).decode()
        event = answers.event_of(kind, answers.created(job), picture.mime_type, usage=answers.NO_USAGE, **inside)
        await self._send(send, Event(kind, event | {"job_id": str(job.id)}))

    async def _send(self, send: Send, event: Event) -> None:
        await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
