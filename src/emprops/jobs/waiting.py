"""Requests that wait for a job to end: ``Prefer: wait=30``, or ``?wait=30``.

A wait holds no connection to PostgreSQL and no task but its request's own. It ends with the job, when its time is over,
when the client leaves, and when the server stops.
"""

import asyncio
from contextlib import ExitStack
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import Depends
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emprops.auth.caller import Caller
from emprops.auth.dependencies import current_caller
from emprops.jobs import queries
from emprops.jobs.ends import End, Ends
from emprops.jobs.queries import JobDetail
from emprops.kit.web.asgi import note_wait, until_answered
from emprops.kit.web.endpoint import replace_reply
from emprops.kit.web.envelope import reply
from emprops.kit.web.idempotency import REPLAYED
from emprops.kit.web.parts import Part
from emprops.kit.web.prefer import APPLIED, PreferHeader, WaitQuery, seconds_to_wait
from emprops.kit.web.server import has_left, interrupted
from emprops.media.result_links import RESULT_LINKS, ResultLinks

ENDS: Part[Ends] = Part("ends")
Ending = Annotated[Ends, Depends(ENDS.depend)]
_JOB_ID: Final = ("jobId", "job_id")
"""How replies name the job that they have started."""


def waiter(caller: Caller) -> str:
    """Return under whose name a wait counts."""
    return str(caller.user_id or caller.principal)


async def end_within(scope: Scope, end: End, seconds: float) -> JobDetail | None:
    """Wait for the end of an expected job; None when the time is over, or the server stops. Raises
    :class:`ClientDisconnect` when nobody waits for the answer any more."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    def give_up() -> None:
        if not end.done():
            end.set_result(None)

    timer = loop.call_later(seconds, give_up)
    try:
        with interrupted(scope, give_up):
            job = await end
            if has_left(scope):
                raise ClientDisconnect
            return job
    finally:
        timer.cancel()
        note_wait(scope, loop.time() - began)


class Wait:
    """The wait of one request for the job that it starts."""

    def __init__(self, ends: Ends, seconds: float, results: ResultLinks, stack: ExitStack) -> None:
        self.seconds = seconds
        self._ends = ends
        self._results = results
        self._stack = stack
        self._is_new = False
        self._expected = ""
        self._end: End | None = None

    def started(self, *, is_new: bool) -> None:
        """Note whether this request has started the job. If it has, every later change of the job is heard of."""
        self._is_new = is_new

    def expect(self, job_id: UUID) -> None:
        """Listen for the end of a job that this request stores next, and commits before it has its reply."""
        if self.seconds:
            self._expected = str(job_id)
            self._end = self._stack.enter_context(self._ends.expecting(self._expected))

    def hold_back(self, usual: Response) -> Response:
        """Return the reply that waits before it is sent. Called before the commit, so that no end is missed, unless the
        job was expected before."""
        started = orjson.loads(usual.body)["data"]
        job_id = next(str(started[name]) for name in _JOB_ID if name in started)
        if self._end is None or job_id != self._expected:
            self._is_new = self._is_new and self._end is None
            self._end = self._stack.enter_context(self._ends.expecting(job_id))
        if not self._is_new:
            self._ends.look_at(job_id)
        return _Held(usual, started, self._end, self.seconds, self._results)


class _Held(Response):
    """A reply that is held back until a job has ended; it then has the job in addition."""

    def __init__(
        self, usual: Response, started: dict[str, Any], end: End, seconds: float, results: ResultLinks
    ) -> None:
        self._usual = usual
        self._started = started
        self._end = end
        self._seconds = seconds
        self._results = results
        self.status_code = usual.status_code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then send."""
        job = await end_within(scope, self._end, self._seconds)
        response = self._usual
        if job is not None:
            response = reply(self._started | queries.detail_json(queries.named(job, self._results), None))
            if REPLAYED in self._usual.headers:
                response.headers[REPLAYED] = self._usual.headers[REPLAYED]
        await applied(response, self._seconds)(scope, receive, send)


def applied(response: Response, seconds: float) -> Response:
    """Have a reply say that it was waited for."""
    response.headers[APPLIED] = f"wait={seconds:g}"
    return response


async def waiting(request: Request, wait: WaitQuery = None, _prefer: PreferHeader = None) -> Wait:
    """Have the reply of an endpoint that starts a job held back, if that is asked for."""
    ends, seconds, stack = ENDS.of(request), seconds_to_wait(request, wait), until_answered(request.scope)
    held = Wait(ends, seconds, RESULT_LINKS.of(request), stack)
    if seconds:
        stack.enter_context(ends.place(waiter(await current_caller(request))))
        replace_reply(request, held.hold_back)
    return held


Waiting = Annotated[Wait, Depends(waiting)]
"""Declare it before the transaction: who waits too often is refused before anything is stored."""
