"""What owners do to outputs that there are: hide, bring back, move, star and tag; one, or many in one transaction.

Each takes ids and says what changed, and which could not and why. Locks are taken in the usual order: jobs, files,
outputs, decks.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from emprops.decks import placing as decks
from emprops.errors import AppError, BadRequestError, ConflictError, NotFoundError
from emprops.jobs import store as jobs
from emprops.jobs.results import by_generation
from emprops.jobs.states import OPEN, JobStatus
from emprops.jobs.store import LockedJob
from emprops.kit.database import Transaction
from emprops.media import file_store
from emprops.outputs import arranging_store as store
from emprops.outputs import job_results
from emprops.outputs.arranging_store import Arranged
from emprops.outputs.states import HiddenBy, OutputStatus
from emprops.settings import Settings

MAX_TAGS = 20
"""Tags of one output."""
STAYS_HIDDEN = {
    "operator": "The output was hidden by an operator; ask them.",
    "time": "The output was hidden because its time is over; generate it again.",
    "server": "The output was hidden because another one shows the same result; use that one.",
}


@dataclass(slots=True)
class Outcome:
    """What became of each output that was named; those in neither were so already."""

    changed: list[UUID] = field(default_factory=list)
    refused: dict[UUID, AppError] = field(default_factory=dict)


def only(output_id: UUID, outcome: Outcome) -> None:
    """Raise the error of the one output that was named, if it was refused."""
    if output_id in outcome.refused:
        raise outcome.refused[output_id]


async def hide(tx: Transaction, owner: UUID | None, output_ids: Sequence[UUID], by: HiddenBy = "owner") -> Outcome:
    """Hide outputs, wherever they are; jobs that make their results go on. ``owner`` None: anyone's, for services."""
    held, outcome = await _own(tx, owner, output_ids)
    outcome.changed = await job_results.hide(tx, [output.id for output in held], by)
    if by == "operator":
        await store.withdraw(tx, [output.id for output in held])
    return outcome


async def bring_back(tx: Transaction, settings: Settings, owner: UUID | None, output_ids: Sequence[UUID]) -> Outcome:
    """Show outputs again that their owner hid, where they were: in their decks, in the state in which they would be.

    What has no file any more is refused, and so is what would come back into a locked deck.
    """
    ties = await store.ties_of(tx, output_ids, owner)
    locked = await jobs.lock_jobs(tx, ties.jobs)
    await file_store.lock_files(tx, ties.files)
    held, outcome = await _own(tx, owner, output_ids)
    hidden = [output for output in held if output.status == OutputStatus.HIDDEN]
    shown = await store.files_shown(tx, ties.files)
    standing = await decks.lock_all(tx, {output.deck_id for output in hidden if output.deck_id})
    back: dict[UUID, str] = {}
    returning: dict[UUID, int] = defaultdict(int)
    late: set[UUID] = set()
    for output in hidden:
        problem = _why_hidden(output, shown) or (output.deck_id and decks.why_full(standing[output.deck_id])) or None
        if problem:
            outcome.refused[output.id] = problem
            continue
        job = locked.get(output.job_id) if output.job_id else None
        back[output.id] = _state(output, job)
        if job and job.status == JobStatus.COMPLETED and back[output.id] == OutputStatus.PROCESSING:
            late.add(job.id)
        if output.deck_id:
            returning[output.deck_id] += 1
        if output.flat_file_id is not None:
            shown.add(output.flat_file_id)
    await store.bring_back(tx, back, job_results.NO_RESULT)
    for deck_id, count in returning.items():
        await decks.put_back(tx, deck_id, count)
    await _complete(tx, settings, late)
    outcome.changed = list(back)
    return outcome


def _why_hidden(output: Arranged, shown: Collection[int]) -> AppError | None:
    """Return why a hidden output stays so; None if it need not."""
    if output.hidden_by != "owner":
        return ConflictError(STAYS_HIDDEN[output.hidden_by or "server"])
    if output.is_over:
        return ConflictError(STAYS_HIDDEN["time"])
    if output.completed_at is not None and output.url is None:
        return ConflictError("The output's file was removed meanwhile; generate it again.")
    if output.flat_file_id in shown:
        return ConflictError(STAYS_HIDDEN["server"])
    return None


def _state(output: Arranged, job: LockedJob | None) -> OutputStatus:
    """Return the state in which an output would be, had it not been hidden."""
    if output.completed_at is not None:
        return OutputStatus.COMPLETED
    if output.error_message is not None and not (job and job.status in OPEN):
        return OutputStatus.FAILED
    if job is None or job.status == JobStatus.PENDING:
        return OutputStatus.PENDING
    return OutputStatus.FAILED if job.status == JobStatus.FAILED else OutputStatus.PROCESSING


async def _complete(tx: Transaction, settings: Settings, job_ids: set[UUID]) -> None:
    """Complete outputs with the results of their jobs, which ended while those were hidden."""
    steps = [step for step in await jobs.current_steps(tx, job_ids) if step.is_result] if job_ids else []
    files = await file_store.files_of_steps(tx, settings, [step.id for step in steps])
    for job_id in sorted(job_ids):
        results = [(step.generation, step.id) for step in steps if step.job_id == job_id]
        await job_results.complete_for_jobs(tx, {job_id: by_generation(results, files)})


async def move(tx: Transaction, owner: UUID | None, output_ids: Sequence[UUID], deck_id: UUID | None) -> Outcome:
    """Put outputs at the end of another deck, in this order, or into none. Moving one where it is changes nothing.

    Refused are hidden outputs, decks that take no outputs, and those that let none go.
    """
    held, outcome = await _own(tx, owner, output_ids, visible=True)
    leaving = [output for output in held if output.deck_id != deck_id]
    concerned = {output.deck_id for output in leaving} | ({deck_id} if leaving else set())
    standing = await decks.lock_all(tx, {one for one in concerned if one is not None})
    going: list[Arranged] = []
    for output in leaving:
        problem = decks.why_kept(standing[output.deck_id]) if output.deck_id else None
        if problem is None and deck_id is not None:
            developed = output.source_output_id is not None
            by = decks.Owner(output.user_id, output.custodied_for)
            problem = decks.why_not(standing.get(deck_id), by, None if developed else output.collection_id)
        if problem is None:
            going.append(output)
        else:
            outcome.refused[output.id] = problem
    sources: dict[UUID, list[UUID]] = defaultdict(list)
    for output in going:
        if output.deck_id:
            sources[output.deck_id].append(output.id)
    for source, gone in sources.items():
        await decks.take_out(tx, source, gone)
    position = await decks.take_places(tx, deck_id, len(going)) if deck_id is not None and going else None
    outcome.changed = [output.id for output in going]
    await store.place(tx, outcome.changed, deck_id, position)
    return outcome


async def star(tx: Transaction, owner: UUID | None, output_ids: Sequence[UUID], *, starred: bool) -> Outcome:
    """Star outputs, or unstar them."""
    held, outcome = await _own(tx, owner, output_ids, visible=True)
    outcome.changed = await store.star(tx, [output.id for output in held], starred=starred)
    return outcome


async def tag(
    tx: Transaction,
    owner: UUID | None,
    output_ids: Sequence[UUID],
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    instead: bool = False,
) -> Outcome:
    """Tag outputs and take tags off them. ``instead``: those that are added are all that they have then."""
    held, outcome = await _own(tx, owner, output_ids, visible=True)
    before = await store.tags_of(tx, [output.id for output in held])
    for output in held:
        present = before.get(output.id, set())
        after = set(add) if instead else (present - set(remove)) | set(add)
        if len(after) > MAX_TAGS:
            outcome.refused[output.id] = BadRequestError(f"An output has at most {MAX_TAGS} tags; remove some first.")
        elif after != present:
            outcome.changed.append(output.id)
    gone = set().union(*before.values()) - set(add) if instead else set(remove)
    await store.remove_tags(tx, outcome.changed, gone)
    await store.add_tags(tx, outcome.changed, add)
    return outcome


async def _own(
    tx: Transaction, owner: UUID | None, output_ids: Sequence[UUID], *, visible: bool = False
) -> tuple[list[Arranged], Outcome]:
    """Lock the owner's outputs; returns them in the order in which they were named, and refuses all others."""
    found = await store.lock_all(tx, output_ids)
    held, outcome = [], Outcome()
    for output_id in dict.fromkeys(output_ids):
        output = found.get(output_id)
        if output is None or (owner is not None and output.user_id != owner):
            outcome.refused[output_id] = NotFoundError("Output not found")
        elif visible and output.status == OutputStatus.HIDDEN:
            outcome.refused[output_id] = BadRequestError("The output is hidden; bring it back first.")
        else:
            held.append(output)
    return held, outcome
