"""Claim, report, hand back and wait over HTTP: the loop's side of the remote transport."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import orjson
import structlog

from emprops import __version__
from emprops.kit.chunks import chunks
from emprops.queue.bounds import MAX_CLAIMS
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Claim, Finished, Ticket
from emprops.queue.transport import Settled, Turn, Wake, WorkerRefusedError
from emprops.worker.remote.server import (
    PROTOCOL,
    Server,
    ServerSaysNoError,
    Terms,
    away,
    client_options,
    data_of,
    request_of,
)

log = structlog.get_logger(__name__)

CALL_TIMEOUT = 30.0
MAX_CALL_BYTES = 4 * 1024 * 1024
"""Reports that go in one call; the rest goes in more."""
MAX_CALL_ITEMS = 200


class RemoteLink:
    """A worker's connection to the queue over HTTP (:class:`~emprops.queue.transport.Transport`)."""

    def __init__(self, server: Server, *, poll: float = 10.0) -> None:
        self.server = server
        self.poll = poll
        self._client = httpx2.AsyncClient(**client_options(server, CALL_TIMEOUT))
        self._unanswered: str | None = None
        self._claims: list[Claim] = []
        """What calls of a turn that is not over have brought."""

    async def hello(self) -> Terms:
        """Introduce the worker and learn what holds here. Raises ``WorkerRefusedError`` if the two do not fit."""
        try:
            said = await self._call("hello", {"protocol": PROTOCOL, "version": __version__})
        except ServerSaysNoError as error:
            if error.status == 404:
                sentence = f"There is no worker gateway at {self.server.url}: an older api, or another address."
                raise WorkerRefusedError(sentence) from error
            raise WorkerRefusedError(error.sentence) from error
        terms = Terms(said["worker_id"], float(said["lease"]), float(said["poll"]), said["base_url"])
        self.poll = terms.poll
        return terms

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def turn(self, finished: Sequence[Settled], want: int, offers: WorkerOffers) -> Turn:
        """Settle what ended and claim, under one request token until an answer comes."""
        late: tuple[Claim, ...] = ()
        more = False
        parts = list(_parts(finished)) or [[]]
        wanted = min(want, MAX_CLAIMS)
        for number, part in enumerate(parts):
            refused, more = await self._turn(part, wanted if number == len(parts) - 1 else 0, offers)
            late += refused
        claims, self._claims = tuple(self._claims), []
        return Turn(claims, late, more or (wanted < want and len(claims) >= wanted))

    async def _turn(
        self, finished: Sequence[Settled], want: int, offers: WorkerOffers
    ) -> tuple[tuple[Claim, ...], bool]:
        """Make one call; returns what came too late, and whether there may be more. Claims are kept until all calls of
        a turn are made: a repeated one brings what its first answer had brought, so the last one may want less."""
        request = self._unanswered = self._unanswered or uuid4().hex
        wanted = max(0, want - len(self._claims))
        try:
            said = await self._call("turn", _turn_body(request, finished, wanted, offers))
        except ServerSaysNoError as error:
            if not finished:
                raise
            self._unanswered = None  # a refused call did nothing
            return await self._without_refused(finished, want, offers, error)
        self._unanswered = None
        self._claims += [
            Claim(
                Ticket.from_json(one["ticket"]),
                one["token"],
                one["attempt"],
                one.get("waited", 0.0),
                one.get("remembered"),
            )
            for one in said["claims"]
        ]
        late = [item.claim for item in finished if item.claim.ticket.id in set(said["late"])]
        return tuple(late), said["more"]

    async def _without_refused(
        self, finished: Sequence[Settled], want: int, offers: WorkerOffers, error: ServerSaysNoError
    ) -> tuple[tuple[Claim, ...], bool]:
        """Find the report that the server will not have; its step fails by that, instead of being said for ever."""
        if len(finished) > 1:
            middle = len(finished) // 2
            first, _ = await self._turn(finished[:middle], 0, offers)
            second, more = await self._turn(finished[middle:], want, offers)
            return first + second, more
        (item,) = finished
        sentence = f"The server did not take the result: {error.sentence}"
        if item.finished.error == sentence:
            raise error
        log.warning("result refused", step_id=item.claim.ticket.id, error=error.sentence)
        refused = Finished(failure="final", error=sentence)
        return await self._turn([replace(item, finished=refused)], want, offers)

    async def release(self, claims: Sequence[Claim]) -> int:
        """Hand claims back unharmed. Returns how many were ours."""
        released = 0
        for some in chunks(claims, MAX_CLAIMS):
            part = [claim_body(claim) for claim in some]
            released += int((await self._call("release", {"claims": part}))["released"])
        return released

    async def wait(self, timeout: float) -> Wake | None:
        """Have the server answer when there is news, at most ``timeout`` seconds later."""
        said = await self._call("wait", {"timeout": timeout}, timeout=timeout + CALL_TIMEOUT)
        wake: Wake | None = said["wake"]
        return wake

    async def _call(self, name: str, body: dict[str, Any], timeout: float = CALL_TIMEOUT) -> dict[str, Any]:
        try:
            response = await self._client.post(name, **request_of(self.server, body), timeout=timeout)
        except httpx2.HTTPError as error:
            raise away(error) from error
        return data_of(response.status_code, response.content)


def claim_body(claim: Claim) -> dict[str, Any]:
    """Name a claim."""
    return {"step": claim.ticket.id, "token": claim.token}


def offers_body(offers: WorkerOffers) -> dict[str, Any]:
    """Write what is offered."""
    return {job_type: offer.to_json() for job_type, offer in offers.items()}


def _turn_body(request: str, finished: Sequence[Settled], want: int, offers: WorkerOffers) -> dict[str, Any]:
    ended = [{**claim_body(item.claim), "run": item.claim.ticket.run, "finished": item.finished} for item in finished]
    return {"request": request, "want": want, "offers": offers_body(offers), "finished": ended}


def _parts(finished: Sequence[Settled]) -> Iterator[list[Settled]]:
    part: list[Settled] = []
    size = 0
    for item in finished:
        length = len(orjson.dumps(item.finished))
        if part and (size + length > MAX_CALL_BYTES or len(part) == MAX_CALL_ITEMS):
            yield part
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield part
