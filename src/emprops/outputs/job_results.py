"""What a job does to its outputs. The orchestrator calls this inside its own transaction, with the job locked.

A transaction locks outputs before decks, so that two of them never wait for each other here.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from emprops.decks import placing as decks
from emprops.errors import ConflictError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.media.file_store import FileRow, lock_files
from emprops.outputs import job_results_store as store
from emprops.outputs.results import JobOutput, Plan, match_results
from emprops.outputs.states import HiddenBy

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The pending outputs of a new job: one per generation."""

    job_id: UUID
    user_id: UUID
    collection_id: UUID
    collection_title: str
    generations: int
    source: str
    input_metadata: dict[str, Any]
    output_id: UUID | None = None
    """A pending output of the user's, made before, that becomes the first one; the others are held for the same person,
    and go to its deck unless one is named."""
    to: Destination = Destination()


async def open_for_jobs(tx: Transaction, openings: Sequence[Opening]) -> list[list[UUID]]:
    """Make the pending outputs of new jobs and put them into decks; returns those of each job, by generation.

    Raises :class:`NotFoundError`, :class:`~emprops.errors.BadRequestError` (the deck takes no outputs) or
    :class:`ConflictError` (the output is not pending, or belongs to another job or collection).
    """
    made: list[list[UUID]] = []
    wanted: list[Wanted] = []
    for opening in openings:
        to, linked = opening.to, []
        if opening.output_id is not None:
            first = await _link(tx, opening.output_id, opening)
            linked = [opening.output_id]
            # an output that was made without a deck gets none for its siblings either
            to = replace(
                to, deck_id=to.deck_id or first.deck_id, auto_create_deck=False, custodied_for=first.custodied_for
            )
        made.append(linked)
        wanted.append(
            Wanted(
                opening.user_id, to, opening.collection_id, opening.collection_title, opening.generations - len(linked)
            )
        )
    new: list[store.NewOutput] = []
    for opening, outputs, want, place in zip(openings, made, wanted, await place_outputs(tx, wanted), strict=True):
        more = [_pending(opening, want, place, len(outputs), n) for n in range(want.count)]
        outputs += [output.id for output in more]
        new += more
    if new:
        await store.insert_pending(tx, new)
    return made


def _pending(opening: Opening, want: "Wanted", place: decks.Place | None, linked: int, n: int) -> store.NewOutput:
    return store.NewOutput(
        id=new_id(),
        user_id=opening.user_id,
        collection_id=opening.collection_id,
        generation=linked + n,
        source=opening.source,
        input_metadata=opening.input_metadata,
        job_id=opening.job_id,
        deck_id=place.deck_id if place else None,
        position=place.position + n if place else None,
        custodied_for=want.to.custodied_for,
        source_output_id=want.to.source_output_id,
        generated=True,
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Places that new outputs need."""

    user_id: UUID
    to: Destination
    collection_id: UUID
    title: str
    """The collection's."""
    count: int


async def place_outputs(tx: Transaction, wanted: Sequence[Wanted]) -> list[decks.Place | None]:
    """Take places for new outputs; None for no deck. What goes to decks that were named goes first."""
    places: list[decks.Place | None] = [None] * len(wanted)
    chosen: list[int] = []
    for at, want in enumerate(wanted):
        if want.count > 0 and want.to.deck_id is not None:
            places[at] = await decks.place_in_named(
                tx,
                deck_id=want.to.deck_id,
                owner=decks.Owner(want.user_id, want.to.custodied_for),
                collection_id=want.collection_id,
                count=want.count,
                developed=want.to.source_output_id is not None,
            )
        elif want.count > 0 and want.to.auto_create_deck:
            chosen.append(at)
    newest = [
        decks.Wanted(decks.Owner(one.user_id, one.to.custodied_for), one.collection_id, one.title, one.count)
        for one in (wanted[at] for at in chosen)
    ]
    for at, place in zip(chosen, await decks.place_all_in_newest(tx, newest), strict=True):
        places[at] = place
    return places


async def _link(tx: Transaction, output_id: UUID, opening: Opening) -> store.Link:
    """Make an output made before the first one of the job; tells how it stood."""
    won = await store.link_to_job(
        tx,
        output_id,
        user_id=opening.user_id,
        collection_id=opening.collection_id,
        job_id=opening.job_id,
        input_metadata=opening.input_metadata,
    )
    output = await store.link_of(tx, output_id)
    if output is None or output.user_id != opening.user_id:
        raise NotFoundError("Output not found")
    if won:
        return output
    if output.job_id is not None:
        raise ConflictError("output_id names an output that another job has already; create a new one.")
    if output.collection_id != opening.collection_id:
        raise ConflictError("output_id names an output of another collection; create one for this collection.")
    raise ConflictError(f"output_id names an output that is {output.status}; only a pending one can be linked.")


async def processing_for_jobs(tx: Transaction, job_ids: Sequence[UUID]) -> int:
    """Jobs began: their pending outputs are processing. Returns how many outputs changed."""
    return await store.start_of_jobs(tx, job_ids)


async def complete_for_jobs(
    tx: Transaction,
    files: Mapping[UUID, Mapping[int, Sequence[FileRow]]],
    output_metadata: dict[str, Any] | None = None,
) -> None:
    """Jobs ended, each with these files per generation: complete their outputs.

    The first file goes to the generation's output, further ones to further outputs in the same deck (in none, if it
    takes no more by now). Completed and hidden outputs stay as they are. If an output outside the job shows a file
    already, the job's own output is hidden in its favour: one visible output per file. Calling this again changes
    nothing. Without outputs (``create_output: false``) there is nothing to do.
    """
    await complete_locked(tx, await lock_for_jobs(tx, files), files, output_metadata)


async def lock_for_jobs(tx: Transaction, job_ids: Collection[UUID]) -> dict[UUID, list[JobOutput]]:
    """Lock the outputs of jobs, for :func:`complete_locked`."""
    return await store.lock_of_jobs(tx, job_ids) if job_ids else {}


async def complete_locked(
    tx: Transaction,
    locked: Mapping[UUID, Sequence[JobOutput]],
    files: Mapping[UUID, Mapping[int, Sequence[FileRow]]],
    output_metadata: dict[str, Any] | None = None,
) -> None:
    """Do the same with outputs that are locked; those of other jobs stay as they are."""
    outputs = {job_id: own for job_id, own in locked.items() if job_id in files}
    if not outputs:
        return
    plan = await _plan(tx, outputs, files)
    if plan.complete:
        await store.complete(tx, [(output.id, file) for output, file in plan.complete], output_metadata)
    if plan.empty:
        await store.fail(tx, [output.id for output in plan.empty], NO_RESULT)
    if plan.give_up:
        await hide(tx, [output.id for output in plan.give_up], by="server")
    beside: dict[tuple[UUID, UUID | None], list[FileRow]] = defaultdict(list)
    for output, file in plan.further:
        beside[output.id, output.deck_id].append(file)
    for (sibling_id, deck_id), results in beside.items():
        place = await decks.place_results(tx, deck_id, len(results)) if deck_id is not None else None
        new = [(new_id(), place.position + n if place else None, file) for n, file in enumerate(results)]
        await store.insert_completed_beside(tx, sibling_id, new, place.deck_id if place else None, output_metadata)


async def _plan(
    tx: Transaction,
    outputs: Mapping[UUID, Sequence[JobOutput]],
    files: Mapping[UUID, Mapping[int, Sequence[FileRow]]],
) -> Plan:
    """Match the files of each job; what one job shows is shown elsewhere for those after it."""
    recorded = [file for job_id in outputs for some in files[job_id].values() for file in some]
    file_ids = {file.id for file in recorded if file.id is not None and not file.is_new}
    shown: dict[int, set[UUID | None]] = {}
    if file_ids:
        await lock_files(tx, sorted(file_ids))
        shown = await store.shown_by(tx, file_ids)
    whole = Plan()
    for job_id, own in outputs.items():
        elsewhere = {file_id for file_id, jobs in shown.items() if jobs - {job_id}}
        plan = match_results(own, files[job_id], elsewhere)
        for _, file in (*plan.complete, *plan.further):
            if file.id is not None:
                shown.setdefault(file.id, set()).add(job_id)
        whole.add(plan)
    return whole


async def hide(tx: Transaction, output_ids: Sequence[UUID], by: HiddenBy) -> list[UUID]:
    """Hide visible outputs and tell their decks. Returns those that were; lock them before, if there are several."""
    hidden: dict[UUID | None, list[UUID]] = defaultdict(list)
    for output in await store.hide(tx, output_ids, by):
        hidden[output.deck_id].append(output.id)
    for deck_id in sorted(filter(None, hidden)):
        await decks.take_out(tx, deck_id, hidden[deck_id])
    return [output_id for some in hidden.values() for output_id in some]


async def fail_for_job(tx: Transaction, job_id: UUID, message: str) -> int:
    """A job failed: so do its open outputs. Returns how many changed."""
    return await store.fail_of_job(tx, job_id, message)


async def ids_of_job(tx: Transaction, job_id: UUID) -> list[UUID]:
    """Return the outputs that a job opened, in the order of its generations."""
    return await store.ids_of_job(tx, job_id)


async def reopen_for_job(tx: Transaction, job_id: UUID) -> int:
    """A failed job is tried again: its failed outputs are pending again. Returns how many changed."""
    return await store.reopen_of_job(tx, job_id)
