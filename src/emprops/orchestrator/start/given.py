"""Files among the variables of a request: brought in or found before anything is planned, each as ``asset:<id>``, or as
the URL of an output's result.

A variable takes a file if its ``value_type`` says so, or if it fills a field of a workflow's form that takes one. Only
there an id alone and a ``data:`` URL mean files; ``asset:<id>``, ``output:<id>`` and the URL of an asset do everywhere.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from emprops.assets import queries
from emprops.assets import service as assets
from emprops.assets.expiry import take_back
from emprops.assets.links import asset_of_url
from emprops.assets.queries import Asset
from emprops.assets.references import BARE, asset_in, named
from emprops.assets.service import Shelf, Wishes, size_of
from emprops.collections import instructions
from emprops.collections import service as collections
from emprops.collections.store import Collection
from emprops.collections.uses import FILE_TYPES, fillings
from emprops.collections.variables import MAX_TEXT_BYTES
from emprops.connectors.encoded import decoded, is_data_url
from emprops.errors import InvalidVariablesError
from emprops.kit.database import Transaction
from emprops.media.sniff import HEAD_BYTES, UNKNOWN, sniff
from emprops.media.storage import FILES, key_of
from emprops.orchestrator.files import NOT_YOURS
from emprops.outputs import queries as outputs
from emprops.workflows import store as workflows
from emprops.workflows.store import Workflow

MAX_DATA_URL = 8_000_000
"""Bytes of a file within a request; larger ones are brought by themselves."""
NAMING = re.compile(r"\s*(?:asset|output):", re.IGNORECASE)
"""How a value begins that names a file by its id."""
NOTHING = "names neither an asset nor an output of yours"


class FileProblem(ValueError):  # noqa: N818 - it names what is wrong with a value
    """What a variable is set to is no file that it can take; the sentence says why."""


def is_file_like(value: Any) -> bool:
    """Return whether a value may mean a file of ours, or be one."""
    if not isinstance(value, str):
        return False
    head = value[:4096]
    if "/assets/" in head or FILES in head or is_data_url(value) or NAMING.match(value):
        return True
    return len(value) < 100 and _names(value)


def _names(value: str) -> bool:
    return asset_in(value) is not None or BARE.fullmatch(value) is not None


@asynccontextmanager
async def settled_files(
    shelf: Shelf, user_id: UUID, collection_ref: str, variables: Mapping[str, Any], *, files: Iterable[str] = ()
) -> AsyncIterator[dict[str, Any]]:
    """Lend what :func:`settle_files` returns to what starts a job; if that fails, nothing is kept."""
    brought: list[Asset] = []
    try:
        yield await settle_files(shelf, user_id, collection_ref, variables, brought=brought, files=files)
    except Exception:
        await take_back(shelf.database, brought)
        raise


async def settle_files(
    shelf: Shelf,
    user_id: UUID,
    collection_ref: str,
    variables: Mapping[str, Any],
    *,
    brought: list[Asset] | None = None,
    files: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the variables with files as planning takes them; ``data:`` URLs become assets of the user, and ``brought``
    gets those that are new. Without that, nothing is kept. ``files``: variables whose values are files, whatever the
    collection says of them.

    Raises :class:`InvalidVariablesError` naming each variable that cannot take its file, and what keeping assets and
    reading the collection raise.
    """
    likely = [name for name, value in variables.items() if is_file_like(value)]
    if not likely:
        return dict(variables)
    async with shelf.database.reader() as reader:
        collection = await collections.get_runnable(reader, user_id, collection_ref)
        known = await workflows.by_names(reader, instructions.workflow_names(collection.data))
    takes = dict.fromkeys(files, "") | file_variables(collection, known)
    settled = dict(variables)
    for keeping in (
        (False, True) if brought is not None else (False,)
    ):  # nothing is kept of a request with a file that is refused
        problems = {}
        for name in likely:
            if keeping and not is_data_url(str(variables[name])):
                continue
            try:
                value, into = str(variables[name]), brought if keeping else None
                settled[name] = await _settled(shelf, user_id, value, takes.get(name), into)
            except FileProblem as problem:
                problems[name] = str(problem)
        if problems:
            raise InvalidVariablesError(problems)
    return settled


def file_variables(collection: Collection, known: Mapping[str, Workflow]) -> dict[str, str]:
    """Return the variables of a collection that take files, and of which kind; empty: of any.

    Raises :class:`~emprops.errors.CollectionCorruptedError`.
    """
    recipe = instructions.parse(collection.data, known.keys())
    found = {
        name: "" if field.media == "image" else field.media  # image loaders are for any file
        for name, field in fillings(recipe, known)
        if field.taking == "file"
    }
    items = collection.data.get("variables") or []
    return found | {
        item["name"]: FILE_TYPES[item["value_type"]] for item in items if item.get("value_type") in FILE_TYPES
    }


async def _settled(shelf: Shelf, user_id: UUID, value: str, family: str | None, brought: list[Asset] | None) -> str:
    """Return what a variable is planned with. ``family``: the kind of file it takes; None: it is for no files."""
    if is_data_url(value):
        if family is not None:
            return await _brought(shelf, user_id, value, family, brought)
        if len(value) > MAX_TEXT_BYTES:
            raise FileProblem("takes no file")
        return value
    asset_id = asset_in(value) or asset_of_url(shelf.settings, value)
    bare = BARE.fullmatch(value)
    if bare is not None and family is None and "output:" not in value.lower():
        return value
    if asset_id is None and bare is None:
        if family is not None and NAMING.match(value):
            raise FileProblem(NOTHING)
        if key_of(shelf.settings, value) != key_of(shelf.settings, value, private=True):
            raise FileProblem(NOT_YOURS)  # by id, it can be told whose it is
        return value
    async with shelf.database.reader() as reader:
        asset = None
        if bare is None or "output:" not in value.lower():
            asset = await queries.by_id(reader, user_id, asset_id or UUID(bare[1] if bare else ""))
        if asset is not None:
            _check_kind(asset.mime_type, family, "this asset")
            return named(asset.id)
        if bare is None:
            raise FileProblem(NOT_YOURS)
        return await _result(reader, user_id, UUID(bare[1]), family)


async def _result(reader: Transaction, user_id: UUID, output_id: UUID, family: str | None) -> str:
    output = await outputs.output_of(reader, output_id)
    if output is None or output.user_id != user_id or output.status == "hidden":
        raise FileProblem(NOTHING)
    if output.status != "completed" or output.url is None:
        raise FileProblem(f"names an output that is {output.status}; take a completed one")
    _check_kind(output.mime_type or "", family, "this output")
    return output.url


async def _brought(shelf: Shelf, user_id: UUID, value: str, family: str, brought: list[Asset] | None) -> str:
    file = await asyncio.to_thread(decoded, value)
    if file is None or not file.content:
        raise FileProblem("is a data: URL that is empty or not valid base64")
    if len(file.content) > MAX_DATA_URL:
        raise FileProblem(
            f"is a data: URL of more than {size_of(MAX_DATA_URL)}; upload the file with POST /assets, and send the id"
        )
    _check_kind(sniff(file.content[:HEAD_BYTES]), family, "this file")
    if brought is None:
        return named(UUID(int=0))
    try:
        kept = await assets.keep_bytes(shelf, user_id, file.content, Wishes())
    except assets.UnreadablePictureError as error:
        raise FileProblem(f"cannot be read: {error.message}") from None
    if kept.is_new:
        brought.append(kept.asset)
    return named(kept.asset.id)


def _check_kind(mime_type: str, family: str | None, what: str) -> None:
    known = mime_type.lower() not in ("", UNKNOWN)
    if family and known and mime_type.partition("/")[0].lower() != family:
        raise FileProblem(f"takes {_kind(family)}, and {what} is {mime_type}")


def _kind(family: str) -> str:
    return "audio" if family == "audio" else f"{'an' if family == 'image' else 'a'} {family}"
