"""Between the shapes of the gateway and those of the queue."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from emprops.errors import BadRequestError
from emprops.gateway.schemas import MAX_NUMBER, AnnounceBody, FinishedBody, OfferBody
from emprops.queue import bounds
from emprops.queue.fleet import WorkerInfo
from emprops.queue.matching import Offer, WorkerOffers
from emprops.queue.messages import Finished
from emprops.queue.transport import Turn

MAX_SLOTS = 100_000
_INFO: TypeAdapter[WorkerInfo] = TypeAdapter(WorkerInfo)
LATEST = 4_102_444_800_000
"""The year 2100, in Unix milliseconds."""


def offers_of(offers: dict[str, OfferBody]) -> WorkerOffers:
    """Read what is offered."""
    return {job_type: Offer.from_json(offer.model_dump()) for job_type, offer in offers.items()}


def finished_of(body: FinishedBody) -> Finished:
    """Read how an attempt ended, its files left out. Raises :class:`BadRequestError` for data that cannot be stored."""
    try:
        data = bounds.data(body.data)
    except bounds.OutOfBoundsError as error:
        raise BadRequestError(str(error)) from None
    return Finished(data=data, **body.model_dump(include={"failure", "error", "details", "retry_after", "trace"}))


def info_of(body: AnnounceBody, worker_id: str, machine_id: str) -> WorkerInfo:
    """Read a worker's entry. Raises :class:`BadRequestError` for one that cannot be."""
    own = {"worker_id": worker_id, "machine_id": machine_id, "offers": offers_of(body.offers)}
    try:
        info = _INFO.validate_python({**_bounded(body.info), **own})
    except ValidationError as error:
        problem = error.errors()[0]
        raise BadRequestError(f"info.{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    if not all(0 <= slots <= MAX_SLOTS for slots in (info.concurrency, *info.slots.values())):
        raise BadRequestError(f"info.concurrency and info.slots must be from 0 to {MAX_SLOTS}.")
    if not 0 <= info.started_at <= LATEST:
        raise BadRequestError("info.started_at must be a time in Unix milliseconds.")
    return info


def _bounded(value: Any, depth: int = 0) -> Any:
    """Cut what others will be shown of a worker to a size that does no harm."""
    if isinstance(value, str):
        return bounds.line(value, bounds.MAX_REASON)
    if isinstance(value, list) and depth < 2:
        return [_bounded(inner, depth + 1) for inner in value[: bounds.MAX_CLAIMS]]
    if isinstance(value, dict) and depth < 2:
        return {_bounded(name): _bounded(inner, depth + 1) for name, inner in list(value.items())[:100]}
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:
        return value
    return None


def turn_json(turn: Turn) -> dict[str, Any]:
    """Show the answer of a turn."""
    claims = [
        {
            "ticket": claim.ticket.to_json(),
            "token": claim.token,
            "attempt": claim.attempt,
            "waited": claim.waited,
            "remembered": claim.remembered,
        }
        for claim in turn.claims
    ]
    return {"claims": claims, "late": [claim.ticket.id for claim in turn.late], "more": turn.more}
