"""What a job does to its outputs. The orchestrator calls this inside its own transaction, with the job locked.

A transaction locks outputs before decks, so that two of them never wait for each other here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from emprops.decks import placing as decks
from emprops.errors import ConflictError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.media.file_store import FileRow, lock_files
from emprops.outputs import job_results_store as store
from emprops.outputs.results import match_results

NO_RESULT = "The job ended without a result for this generation."


@dataclass(frozen=True, slots=True)
class Destination:
    """Where new outputs go, and what they come from."""

    deck_id: UUID | None = None
    auto_create_deck: bool = True
    """Without a deck named: into the collection's newest active deck, which is made if there is none."""
    custodied_for: UUID | None = None
    """The social link they are held for."""
    source_output_id: UUID | None = None
    """What they are developed from."""


async def open_for_job(
    tx: Transaction,
    *,
    job_id: UUID,
    user_id: UUID,
    collection_id: UUID,
    collection_title: str,
    generations: int,
    source: str,
    input_metadata: dict[str, Any],
    output_id: UUID | None = None,
    to: Destination = Destination(),
) -> list[UUID]:
    """Make one pending output per generation of a new job, in that order, and put them into a deck.

    ``output_id`` names a pending output of the user's, made before, that becomes the first one; the others are held for
    the same person, and go to its deck unless one is named. Raises :class:`NotFoundError`,
    :class:`~emprops.errors.BadRequestError` (the deck takes no outputs) or :class:`ConflictError` (the output is not
    pending, or belongs to another job or collection).
    """
    linked: list[UUID] = []
    if output_id is not None:
        first = await _link(tx, output_id, job_id, user_id, collection_id, input_metadata)
        linked = [output_id]
        # an output that was made without a deck gets none for its siblings either
        to = replace(to, deck_id=to.deck_id or first.deck_id, auto_create_deck=False, custodied_for=first.custodied_for)
    count = generations - len(linked)
    if count <= 0:
        return linked
    place = await place_outputs(tx, user_id, to, collection_id=collection_id, title=collection_title, count=count)
    new = [
        store.NewOutput(id=new_id(), generation=len(linked) + n, position=place.position + n if place else None)
        for n in range(count)
    ]
    await store.insert_pending(
        tx,
        new,
        user_id=user_id,
        collection_id=collection_id,
        deck_id=place.deck_id if place else None,
        job_id=job_id,
        source=source,
        input_metadata=input_metadata,
        custodied_for=to.custodied_for,
        source_output_id=to.source_output_id,
        generated=True,
    )
    return linked + [output.id for output in new]


async def place_outputs(
    tx: Transaction, user_id: UUID, to: Destination, *, collection_id: UUID, title: str, count: int
) -> decks.Place | None:
    """Take places for new outputs of this user; None for no deck."""
    owner = decks.Owner(user_id, to.custodied_for)
    if to.deck_id is not None:
        developed = to.source_output_id is not None
        return await decks.place_in_named(
            tx, deck_id=to.deck_id, owner=owner, collection_id=collection_id, count=count, developed=developed
        )
    if to.auto_create_deck:
        return await decks.place_in_newest(tx, owner=owner, collection_id=collection_id, title=title, count=count)
    return None


async def _link(
    tx: Transaction,
    output_id: UUID,
    job_id: UUID,
    user_id: UUID,
    collection_id: UUID,
    input_metadata: dict[str, Any],
) -> store.Link:
    """Make an output made before the first one of the job; tells how it stood."""
    won = await store.link_to_job(
        tx,
        output_id,
        user_id=user_id,
        collection_id=collection_id,
        job_id=job_id,
        input_metadata=input_metadata,
    )
    output = await store.link_of(tx, output_id)
    if output is None or output.user_id != user_id:
        raise NotFoundError("Output not found")
    if won:
        return output
    if output.job_id is not None:
        raise ConflictError("output_id names an output that another job has already; create a new one.")
    if output.collection_id != collection_id:
        raise ConflictError("output_id names an output of another collection; create one for this collection.")
    raise ConflictError(f"output_id names an output that is {output.status}; only a pending one can be linked.")


async def processing_for_jobs(tx: Transaction, job_ids: Sequence[UUID]) -> int:
    """Jobs began: their pending outputs are processing. Returns how many outputs changed."""
    return await store.start_of_jobs(tx, job_ids)


async def complete_for_job(
    tx: Transaction, job_id: UUID, files: Mapping[int, Sequence[FileRow]], output_metadata: dict[str, Any] | None
) -> None:
    """A job ended with these files per generation: complete its outputs.

    The first file goes to the generation's output, further ones to further outputs in the same deck (in none, if it
    takes no more by now). Completed and hidden outputs stay as they are. If an output outside the job shows a file
    already, the job's own output is hidden in its favour: one visible output per file. Calling this again changes
    nothing. Without outputs (``create_output: false``) there is nothing to do.
    """
    outputs = await store.lock_of_job(tx, job_id)
    if not outputs:
        return
    file_ids = [file.id for results in files.values() for file in results if file.id is not None]
    elsewhere: set[int] = set()
    if file_ids:
        await lock_files(tx, file_ids)
        elsewhere = await store.shown_elsewhere(tx, job_id, file_ids)
    plan = match_results(outputs, files, elsewhere)
    if plan.complete:
        await store.complete(tx, [(output.id, file) for output, file in plan.complete], output_metadata)
    if plan.empty:
        await store.fail(tx, [output.id for output in plan.empty], NO_RESULT)
    if plan.give_up:
        await hide(tx, [output.id for output in plan.give_up])
    beside: dict[tuple[UUID, UUID | None], list[FileRow]] = defaultdict(list)
    for output, file in plan.further:
        beside[output.id, output.deck_id].append(file)
    for (sibling_id, deck_id), results in beside.items():
        place = await decks.place_results(tx, deck_id, len(results)) if deck_id is not None else None
        new = [(new_id(), place.position + n if place else None, file) for n, file in enumerate(results)]
        await store.insert_completed_beside(tx, sibling_id, new, place.deck_id if place else None, output_metadata)


async def hide(tx: Transaction, output_ids: Sequence[UUID]) -> int:
    """Hide visible outputs and tell their decks. Returns how many were; lock them before, if there are several."""
    hidden: dict[UUID | None, list[UUID]] = defaultdict(list)
    for output in await store.hide(tx, output_ids):
        hidden[output.deck_id].append(output.id)
    for deck_id in sorted(filter(None, hidden)):
        await decks.take_out(tx, deck_id, hidden[deck_id])
    return sum(map(len, hidden.values()))


async def fail_for_job(tx: Transaction, job_id: UUID, message: str) -> int:
    """A job failed: so do its open outputs. Returns how many changed."""
    return await store.fail_of_job(tx, job_id, message)


async def ids_of_job(tx: Transaction, job_id: UUID) -> list[UUID]:
    """Return the outputs that a job opened, in the order of its generations."""
    return await store.ids_of_job(tx, job_id)


async def reopen_for_job(tx: Transaction, job_id: UUID) -> int:
    """A failed job is tried again: its failed outputs are pending again. Returns how many changed."""
    return await store.reopen_of_job(tx, job_id)
