"""Who may see, run and change which collection; what making, changing and publishing one means.

A draft is its owner's alone. A published collection can be seen and run by anyone who has its id, in its last
published state (docs/decisions/0008); ``is_public`` also lists it. An archived one is there for its owner only, and
cannot be run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from emprops.auth import foreign
from emprops.auth.caller import Caller
from emprops.collections import fitting, instructions, projects, simple, store, variables, version_store
from emprops.collections.simple import SimpleVariable
from emprops.collections.store import Collection, Details, Listed, Working
from emprops.collections.uses import uses_of
from emprops.collections.variable_schema import json_schema
from emprops.credits.prices import PriceError, price_of_collection
from emprops.custody import service as custody
from emprops.custody.service import SocialLink
from emprops.errors import BadRequestError, CollectionCorruptedError, ConflictError, ForbiddenError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.policies import queries as policies
from emprops.workflows import service as workflow_service
from emprops.workflows import store as workflows

PUBLISHED = "published"


async def get_runnable(tx: Transaction, caller_user_id: UUID | None, id_or_slug: str | UUID) -> Collection:
    """Return a collection that the caller may generate from, with the data to use: the caller's, or a published one.

    Archived ones and other people's drafts look unknown. Raises :class:`~emprops.errors.NotFoundError`.
    """
    return _runnable(await store.get_current(tx, id_or_slug), caller_user_id)


async def get_all_runnable(tx: Transaction, wanted: Sequence[tuple[UUID, str]]) -> list[Collection | NotFoundError]:
    """Return the same for several callers and collections; an error in the place of one that looks unknown."""
    found = await store.all_current(tx, {ref for _, ref in wanted})
    answers: list[Collection | NotFoundError] = []
    for caller_user_id, ref in wanted:
        try:
            answers.append(_runnable(found.get(ref), caller_user_id))
        except NotFoundError as error:
            answers.append(error)
    return answers


def _runnable(collection: Collection | None, caller_user_id: UUID | None) -> Collection:
    if collection is None or collection.archived:
        raise _unknown()
    if collection.status != PUBLISHED and collection.user_id != caller_user_id:
        raise _unknown()
    return collection


async def get_shown(reader: Transaction, id_or_slug: str | UUID) -> Collection:
    """Return a collection as everybody may see it: as published. Raises :class:`~emprops.errors.NotFoundError`."""
    return await get_runnable(reader, None, id_or_slug)


async def get_own(reader: Transaction, caller: Caller, id_or_slug: str | UUID, *, lock: bool = False) -> Working:
    """Return a collection as its owner works on it, to its owner and to services; archived or not.

    ``lock``: nobody else changes it until the transaction ends. Raises :class:`~emprops.errors.NotFoundError`.
    """
    collection = await store.get_working(reader, id_or_slug, lock=lock)
    if collection is None or not _is_theirs(caller, collection):
        raise _unknown()
    await _note(reader, caller, collection, changes=lock)
    return collection


async def get(reader: Transaction, caller: Caller, id_or_slug: str | UUID) -> Collection:
    """Return what the caller may see of a collection: :class:`Working` if it is theirs, else what is published."""
    collection = await store.get_working(reader, id_or_slug)
    if collection is not None and _is_theirs(caller, collection):
        await _note(reader, caller, collection, changes=False)
        return collection
    return await get_shown(reader, id_or_slug)


async def get_form(reader: Transaction, caller: Caller | None, id_or_slug: str | UUID) -> dict[str, Any]:
    """Describe, as JSON Schema, the variables of a generation that the caller would start now.

    Raises :class:`~emprops.errors.NotFoundError`, and :class:`~emprops.errors.CollectionCorruptedError`.
    """
    collection = await store.get_current(reader, id_or_slug)
    if collection is None or collection.archived:
        raise _unknown()
    if collection.status != PUBLISHED and not (caller and _is_theirs(caller, collection)):
        raise _unknown()
    data = collection.data if isinstance(collection.data, dict) else {}
    definitions, problems = variables.parse(data.get("variables"))
    if problems or not isinstance(collection.data, dict):
        raise CollectionCorruptedError(problems or ["the collection's data is not an object"])
    known = await workflows.by_names(reader, instructions.workflow_names(collection.data))
    return json_schema(definitions, uses_of(collection.data, known))


async def create(
    tx: Transaction,
    user_id: UUID,
    details: Details,
    data: Any,
    *,
    project_id: UUID | None,
    custodied_for: UUID | None = None,
) -> Working:
    """Make a draft in one of the caller's projects, or the default one.

    Raises :class:`~emprops.errors.BadRequestError` naming every problem of the data, and
    :class:`~emprops.errors.NotFoundError` for somebody else's project.
    """
    check_price(details.price, details.blockchain)
    await check_data(tx, data)
    project_id = await projects.choose(tx, user_id, project_id)
    collection_id = new_id()
    await store.insert(tx, collection_id, project_id, details, data, custodied_for=custodied_for)
    return await _reread(tx, collection_id)


@dataclass(frozen=True, slots=True)
class SimpleRequest:
    """What a simple collection is made of."""

    details: Details
    project_id: UUID | None
    social_org: str
    social_identifier: str
    miniapp_user_id: str | None
    variables: Sequence[SimpleVariable]
    job_type: str
    template: Any


async def create_simple(tx: Transaction, user_id: UUID, request: SimpleRequest) -> tuple[Working, SocialLink]:
    """Make a draft with one templated step, held for a social identity unless that is the user. Raises what
    :func:`create` and :func:`~emprops.custody.service.find_or_make_link` raise, and
    :class:`~emprops.policies.rules.MayNotBuildError`."""
    data = simple.instruction_set(request.variables, request.job_type, request.template)
    (await policies.rules(tx)).check_builder(user_id, request.job_type)
    link = await custody.find_or_make_link(
        tx, request.social_org, request.social_identifier, request.miniapp_user_id, maker=user_id
    )
    collection = await create(
        tx, user_id, request.details, data, project_id=request.project_id, custodied_for=link.holds
    )
    return collection, link


async def change(tx: Transaction, caller: Caller, id_or_slug: str | UUID, changes: Mapping[str, Any]) -> Working:
    """Change columns of one of the caller's collections. New data of a published one waits for :func:`publish`;
    everything else shows at once."""
    collection = await get_own(tx, caller, id_or_slug, lock=True)
    if changes.keys() & {"price", "blockchain"}:
        check_price(changes.get("price", collection.price), changes.get("blockchain", collection.blockchain))
    if "data" in changes:
        await check_data(tx, changes["data"])
    if not changes:
        return collection
    await store.update(tx, collection.id, changes)
    return await _reread(tx, collection.id)


async def publish(tx: Transaction, caller: Caller, id_or_slug: str | UUID, version: int | None = None) -> Working:
    """Publish what is being worked on, or an earlier ``version`` again; a new version unless nothing changed. Jobs that
    run keep their steps. Changes that were not published yet stay, to be worked on.

    Raises :class:`~emprops.errors.NotFoundError` for an unknown version, :class:`~emprops.errors.ConflictError` for an
    archived collection, and :class:`~emprops.errors.BadRequestError` if the data cannot be run any more.
    """
    collection = await get_own(tx, caller, id_or_slug, lock=True)
    if collection.archived:
        raise ConflictError("The collection is archived; unarchive it before you publish it.")
    data = collection.data
    if version is not None:
        earlier = await version_store.get_version(tx, collection.id, version)
        if earlier is None:
            raise NotFoundError("Version not found")
        data = earlier.data
    await check_data(tx, data)
    if data != collection.data:
        await store.update(tx, collection.id, {"data": data})
    await version_store.publish(tx, collection.id)
    if data != collection.data and collection.has_unpublished_changes:
        await store.update(tx, collection.id, {"data": collection.data})
    return await _reread(tx, collection.id)


async def set_global(
    tx: Transaction,
    caller: Caller,
    id_or_slug: str | UUID,
    *,
    is_global: bool,
    input_type: str | None,
    output_type: str | None,
    trusted: bool,
) -> Working:
    """Say whether outputs can be developed with one of the caller's collections, and from what into what.

    Raises :class:`~emprops.errors.BadRequestError` for a global collection without both types, and
    :class:`~emprops.errors.ForbiddenError` if the caller is not ``trusted`` to put something into everybody's list.
    """
    if is_global and not trusted:
        raise ForbiddenError("A global collection is in every user's list; making one takes a service key.")
    collection = await get_own(tx, caller, id_or_slug, lock=True)
    input_type, output_type = input_type or collection.input_type, output_type or collection.output_type
    if is_global and (input_type is None or output_type is None):
        raise BadRequestError("A global collection needs input_type and output_type: image, video or text.")
    await store.update(
        tx, collection.id, {"is_global": is_global, "input_type": input_type, "output_type": output_type}
    )
    return await _reread(tx, collection.id)


def check_price(price: Decimal, blockchain: str | None) -> None:
    """Raise :class:`~emprops.errors.BadRequestError` for a price in credits that cannot be paid."""
    try:
        price_of_collection(price, blockchain)
    except PriceError as error:
        raise BadRequestError(f"price: without a blockchain it is in credits; {error}.") from None


async def check_data(tx: Transaction, data: Any) -> None:
    """Raise :class:`~emprops.errors.BadRequestError` naming everything that keeps an instruction set from running."""
    known = await workflows.by_names(tx, instructions.workflow_names(data))
    problems = instructions.check(data, known.keys())
    # A workflow that broke later is not the fault of this collection; generating says so.
    if not problems and not any(workflow_service.check(one.type, one.data) for one in known.values()):
        problems = fitting.find_problems(instructions.parse(data, known.keys()), known)
    if problems:
        raise BadRequestError(
            f"The collection's data cannot be used: {'; '.join(problems)}.", extra={"details": {"problems": problems}}
        )


async def _reread(tx: Transaction, collection_id: UUID) -> Working:
    collection = await store.get_working(tx, collection_id)
    assert collection is not None  # noqa: S101 - this transaction wrote it
    return collection


async def _note(tx: Transaction, caller: Caller, collection: Working, *, changes: bool) -> None:
    if changes:
        await foreign.note_change(tx, caller, collection.user_id, f"collection:{collection.id}", "change")
    else:
        await foreign.note_service(tx, caller, collection.user_id)


def _is_theirs(caller: Caller, collection: Listed) -> bool:
    return caller.is_service or collection.user_id == caller.user_id


def _unknown() -> NotFoundError:
    return NotFoundError("Collection not found")
