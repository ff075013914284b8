"""What clients do to outputs: make, complete and fail them. The states are in ``states.py``; what owners do to those
that there are is in ``arranging.py``.

A transaction locks the job first, then the file that is to be shown, then outputs, then decks. The end of a job locks
its outputs before files, but the job before both, so the two never wait for each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from emprops.auth.store import ensure_user
from emprops.collections import service as collections
from emprops.custody import service as custody
from emprops.errors import BadRequestError, ConflictError, NotFoundError
from emprops.jobs import store as jobs
from emprops.jobs.states import OPEN
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.media import file_store
from emprops.media.storage import key_of, mime_type_of
from emprops.media.types import DOWNLOAD
from emprops.outputs import importing_store, job_results, job_results_store, store
from emprops.outputs.job_results import Destination, Wanted, place_outputs
from emprops.outputs.states import OutputStatus
from emprops.outputs.store import Held, Shown
from emprops.settings import Settings


@dataclass(frozen=True, slots=True)
class Request:
    """What a client says of an output it makes."""

    collection_id: UUID
    job_id: UUID | None = None
    source: str = "unknown"
    input_metadata: dict[str, Any] | None = None
    beneficiary: tuple[str, str] | None = None
    """The social identity it is held for."""
    deck_id: UUID | None = None
    auto_create_deck: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What a client says when its output is complete."""

    url: str
    fields: Mapping[str, str | None] = field(default_factory=dict)
    """``mime_type`` and ``thumbnail_url``, where they were sent."""
    flat_file_id: int | None = None
    output_metadata: dict[str, Any] | None = None
    store_copy: bool = True
    """Whether a file stored elsewhere is copied into our storage, afterwards."""


async def create_output(tx: Transaction, user_id: UUID, request: Request) -> UUID:
    """Make a pending output in the deck named, else in the newest active one, which is made if there is none.

    If it is for a job, it takes the place of the output that the server made for the same generation, so that the
    job's result is shown once. Raises :class:`NotFoundError` for the collection, job or deck, and
    :class:`BadRequestError` for a deck that takes no outputs, or a job of another collection.
    """
    await ensure_user(tx, user_id)
    collection = await collections.get_runnable(tx, user_id, request.collection_id)
    link_id = await custody.hold_for(tx, user_id, request.beneficiary)
    generation = 0 if request.job_id is None else await _join_job(tx, request.job_id, user_id, collection.id)
    to = Destination(request.deck_id, request.auto_create_deck, custodied_for=link_id)
    (place,) = await place_outputs(tx, [Wanted(user_id, to, collection.id, collection.title, count=1)])
    output_id = new_id()
    new = job_results_store.NewOutput(
        id=output_id,
        user_id=user_id,
        collection_id=collection.id,
        generation=generation,
        source=request.source,
        input_metadata=request.input_metadata,
        job_id=request.job_id,
        deck_id=place.deck_id if place else None,
        position=place.position if place else None,
        custodied_for=link_id,
        generated=False,
    )
    await job_results_store.insert_pending(tx, [new])
    return output_id


async def _join_job(tx: Transaction, job_id: UUID, user_id: UUID, collection_id: UUID) -> int:
    """Make room among a job's outputs; returns the generation whose result the new one will show."""
    job = (await jobs.lock_jobs(tx, [job_id])).get(job_id)
    if job is None or job.user_id != user_id:
        raise NotFoundError("Job not found")
    if job.collection_id != collection_id:
        raise BadRequestError("job_id names a job of another collection.")
    replaceable = await store.lock_open_of_job(tx, job_id) if job.status in OPEN else []
    if replaceable:
        replaced = replaceable[0]
        await job_results.hide(tx, [replaced.id], by="server")
        await store.leave_job(tx, replaced.id)
        return replaced.generation
    taken = await store.made_by_clients(tx, job_id)
    generations = len(job.data.get("generations") or ()) or 1
    return min(range(generations), key=lambda generation: taken.get(generation, 0))


async def complete_output(
    tx: Transaction, settings: Settings, output_id: UUID, owner: UUID | None, result: Result
) -> None:
    """Complete one of the owner's outputs with a URL, or replace what it shows; ``owner`` None: anyone's, for services.

    The URL is recorded as given; the file there is looked at later (``importing.py``). If the server's output of
    a job shows the same file of ours, that one is hidden in this one's favour: one visible output per file. Raises
    :class:`NotFoundError` (also for a file of somebody else), :class:`BadRequestError` for a hidden output, and
    :class:`ConflictError` if another output that a client made shows the file.
    """
    key = key_of(settings, result.url)
    file = await _file_of(tx, settings, key, result)
    before = await store.whose(tx, output_id)
    if before is None or (owner is not None and before.user_id != owner):
        raise NotFoundError("Output not found")
    if file is not None and file.user_id != before.user_id:
        if result.flat_file_id is not None:
            raise NotFoundError("flat_file_id names no file of yours.")
        file = None  # somebody else's file may be linked to, as every URL may, but not be taken over
    if before.job_id is not None:
        await jobs.lock_jobs(tx, [before.job_id])
    if file is not None:
        await file_store.lock_files(tx, [file.id])
    held = await _lock(tx, output_id, owner)
    if held.status == OutputStatus.HIDDEN:
        raise BadRequestError("The output is hidden; bring it back first, or create a new one.")
    if file is not None:
        await _take_over(tx, held, file)
    shown = _shown(held, file, result)
    await store.complete(tx, held.id, shown, result.output_metadata)
    if result.store_copy and key is None and shown.flat_file_id is None:
        await importing_store.want(tx, held.id, shown.url)
    else:
        await importing_store.forget(tx, held.id)


async def _file_of(tx: Transaction, settings: Settings, key: str | None, result: Result) -> file_store.OwnedFile | None:
    """Find the file of ours that is meant. Raises if the two ways to name it contradict each other."""
    by_url = await file_store.owned_file(tx, settings, key=key) if key is not None else None
    if result.flat_file_id is None:
        return by_url
    by_id = await file_store.owned_file(tx, settings, file_id=result.flat_file_id)
    if by_id is None:
        raise NotFoundError("flat_file_id names no file of yours.")
    if key is not None and by_url != by_id:
        raise BadRequestError("url and flat_file_id name different files; send the one that is meant.")
    return by_id


async def _take_over(tx: Transaction, held: Held, file: file_store.OwnedFile) -> None:
    other = await store.other_that_shows(tx, file.id, held.id)
    if other is None:
        return
    if not other.generated or other.user_id != held.user_id:
        raise ConflictError("Another output shows this file already; hide that one first.")
    await job_results.hide(tx, [other.id], by="server")


def _shown(held: Held, file: file_store.OwnedFile | None, result: Result) -> Shown:
    """What is shown: what was sent, else what is known of the file, else what the URL suggests."""
    if file is None and result.url in (held.url, held.copied_from) and held.url is not None:
        present = Shown(held.url, held.mime_type, held.thumbnail_url, held.flat_file_id)
    elif file is None:
        present = Shown(result.url, _suggested(result.url), None, None)
    else:
        present = Shown(result.url, file.mime_type, file.thumbnail_url, file.id)
    return Shown(
        url=present.url,
        mime_type=result.fields.get("mime_type") or present.mime_type,
        thumbnail_url=result.fields.get("thumbnail_url") or present.thumbnail_url,
        flat_file_id=present.flat_file_id,
    )


def _suggested(url: str) -> str | None:
    suggested = mime_type_of(url.partition("?")[0].partition("#")[0])
    return None if suggested == DOWNLOAD else suggested


async def fail_output(tx: Transaction, output_id: UUID, owner: UUID | None, message: str) -> None:
    """Fail one of the owner's outputs that has no result. Success never regresses.

    Raises :class:`NotFoundError`, and :class:`BadRequestError` for a completed or hidden one.
    """
    held = await _lock(tx, output_id, owner)
    if not await store.fail(tx, held.id, message):
        raise BadRequestError(f"The output is {held.status}; only one without a result can fail.")


async def _lock(tx: Transaction, output_id: UUID, owner: UUID | None) -> Held:
    held = await store.lock(tx, output_id)
    if held is None or (owner is not None and held.user_id != owner):
        raise NotFoundError("Output not found")
    return held
