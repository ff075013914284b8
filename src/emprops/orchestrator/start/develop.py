"""Make a new output from a finished one with a global collection: image to video, enlarge …."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from emprops.collections import instructions
from emprops.collections import service as collections
from emprops.collections.store import Collection
from emprops.credits import service as credit
from emprops.custody import service as custody
from emprops.errors import BadRequestError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.telemetry import tracing
from emprops.media.types import mime_type_of
from emprops.moderation.verdicts import NOTHING_TO_CHECK, Cleared
from emprops.orchestrator.start.request import Chosen, GenerationRequest, Parent, Started
from emprops.orchestrator.start.source_input import TEXT, find_input, with_input
from emprops.orchestrator.start.start import run_collection
from emprops.orchestrator.tickets import Dispatcher
from emprops.outputs import lineage_queries
from emprops.outputs import queries as outputs
from emprops.outputs.job_results import Destination
from emprops.outputs.queries import OutputDetail
from emprops.workflows import store as workflows
from emprops.workflows.machines import NO_MACHINES, Machines

INPUT_TYPES = ("image", "video", TEXT)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An output, and the collection and variables that develop it."""

    source: OutputDetail
    collection: Collection
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Developing:
    """A development that has begun."""

    started: Started
    source: OutputDetail
    collection: Collection


async def develop(
    tx: Transaction,
    owner: UUID | None,
    output_id: UUID,
    *,
    collection_ref: str,
    variables: dict[str, Any],
    terms: credit.Terms,
    machines: Machines = NO_MACHINES,
    dispatcher: Dispatcher,
    strict: bool = False,
    key_id: UUID | None = None,
    cleared: Cleared = NOTHING_TO_CHECK,
) -> Developing:
    """Start a job that develops a finished output of this owner's (None: of anybody's), who pays for it as for a
    generation. What it makes belongs to the same user, is held for the same identity and is put into the same deck.

    Raises what :func:`prepare` and starting a generation raise, and :class:`BadRequestError` for a deck that takes no
    outputs.
    """
    prepared = await prepare(tx, owner, output_id, collection_ref, variables)
    source, collection = prepared.source, prepared.collection
    job_id = new_id()
    with tracing.span("generation.start", {"emprops.job_id": str(job_id)}):
        request = GenerationRequest(
            variables=prepared.variables,
            source=source.source,
            parent=_parent_of(source),
            strict=strict,
            key_id=key_id,
            cleared=cleared,
            machines=machines,
            trace=tracing.current(),
        )
        chosen = Chosen(job_id, source.user_id, collection, request)
        started = await run_collection(tx, chosen, terms=terms, dispatcher=dispatcher)
    return Developing(started, source, collection)


async def prepare(
    tx: Transaction, owner: UUID | None, output_id: UUID, collection_ref: str, variables: dict[str, Any]
) -> Prepared:
    """Find what is to be developed, and put it into the collection. If it is held for somebody, it is until the
    transaction ends.

    Raises :class:`NotFoundError` for the output or the collection, :class:`BadRequestError` for an output that is not
    completed, or a collection that is not global or takes something else.
    """
    source = await _source(tx, owner, output_id)
    if source.status != "completed" or source.url is None:
        raise BadRequestError(f"Only a completed output can be developed; this one is {source.status}.")
    collection = await collections.get_runnable(tx, source.user_id, collection_ref)
    input_type = _check_types(source, collection)
    collection, variables = await _with_source(tx, source, collection, variables, input_type)
    return Prepared(source, collection, variables)


async def _source(tx: Transaction, owner: UUID | None, output_id: UUID) -> OutputDetail:
    """Read the owner's output. If it is held for somebody, it is until the transaction ends."""
    source = await _own(tx, owner, output_id)
    if source.custodied_for is None:
        return source
    await custody.is_held(tx, source.custodied_for)
    return await _own(tx, owner, output_id)  # it may have been handed over meanwhile


async def _own(tx: Transaction, owner: UUID | None, output_id: UUID) -> OutputDetail:
    source = await outputs.output_of(tx, output_id)
    if source is None or (owner is not None and source.user_id != owner):
        raise NotFoundError("Output not found")
    return source


def type_of(mime_type: str | None, url: str) -> str | None:
    """Return the input type that an output is; None for one that no collection takes. What has no type is judged by the
    name in its URL."""
    name = url.partition("?")[0].partition("#")[0]
    family = (mime_type or mime_type_of(name)).partition("/")[0].strip().lower()
    return family if family in INPUT_TYPES else None


def _check_types(source: OutputDetail, collection: Collection) -> str:
    if not collection.is_global or collection.input_type is None:
        raise BadRequestError(
            f"{collection.title} is not a global collection; GET /outputs/develop/collections lists those that are."
        )
    found = type_of(source.mime_type, source.url or "")
    if found != collection.input_type:
        raise BadRequestError(
            f"{collection.title} develops {collection.input_type} outputs, and this one is"
            f" {source.mime_type or 'of unknown type'}; choose a collection whose input_type fits."
        )
    return found


async def _with_source(
    tx: Transaction, source: OutputDetail, collection: Collection, variables: dict[str, Any], input_type: str
) -> tuple[Collection, dict[str, Any]]:
    """Put the source into the collection's input: its URL, or of a text that we know the text itself."""
    known = await workflows.by_names(tx, instructions.workflow_names(collection.data))
    place = find_input(collection.data, known, input_type)
    if place is None:
        raise BadRequestError(
            f"{collection.title} has no variable or field that takes {input_type}, so nothing can be developed with"
            f" it; its owner can add a variable named {input_type}."
        )
    value = source.url or ""
    if input_type == TEXT:
        value = await lineage_queries.text_of(tx, source.id) or value
    data, variables = with_input(collection.data, variables, place, value)
    return replace(collection, data=data), variables


def _parent_of(source: OutputDetail) -> Parent:
    return Parent(
        output_id=source.id,
        destination=Destination(
            source.deck_id,
            auto_create_deck=False,
            custodied_for=source.custodied_for,
            source_output_id=source.id,
        ),
        metadata={
            "source_output_id": str(source.id),
            "source_url": source.url,
            "source_mime_type": source.mime_type,
        },
    )
