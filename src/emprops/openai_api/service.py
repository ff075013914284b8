"""Collections as models: which there are, and what a request asks of one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from emprops.collections import instructions
from emprops.collections import service as collections
from emprops.collections.store import Collection
from emprops.errors import CollectionCorruptedError, NotFoundError
from emprops.kit.database import Transaction
from emprops.media.converting import Format
from emprops.openai_api import queries
from emprops.openai_api.failures import MissingParameterError, ModelNotFoundError, ParameterError
from emprops.openai_api.formats import format_of
from emprops.openai_api.inputs import PICTURE, VIDEO, inputs_of, makes, types_of
from emprops.openai_api.parameters import Wish, pictures_among, variables_of
from emprops.openai_api.schemas import ImageBody, VideoBody
from emprops.settings import Settings, SettingsError
from emprops.workflows import store as workflows
from emprops.workflows.store import Workflow

Body = ImageBody | VideoBody
AT_ONCE: Final = 20
"""Collections that are read before others get their turn."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for, as a generation."""

    collection_id: UUID
    variables: dict[str, Any]
    generations: int | None
    """How many; None: as many as the collection says."""
    pictures: frozenset[str] = frozenset()
    """The variables that are set to the request's pictures."""
    format: Format | None = None
    """What pictures are converted to; None: they come as they are made."""


async def want(reader: Transaction, settings: Settings, user_id: UUID, body: Body) -> Wanted:
    """Find out which collection is meant, and what its variables are to be. Raises :class:`ModelNotFoundError`,
    :class:`ParameterError` and :class:`~emprops.openai_api.failures.UnknownParameterError`."""
    media = VIDEO if isinstance(body, VideoBody) else PICTURE
    if not body.model:
        raise MissingParameterError("model", "Name a model: GET /v1/models lists them.")
    collection = await find_model(reader, settings, user_id, body.model)
    known = await workflows.by_names(reader, instructions.workflow_names(collection.data))
    recipe = instructions.parse(collection.data, known.keys())
    if not makes(media, recipe, known):
        what = "videos" if media == VIDEO else "pictures"
        raise ParameterError("model", f"The model {body.model} makes no {what}.")
    number = body.n if isinstance(body, ImageBody) else 1
    most = instructions.MAX_STEPS // len(recipe.steps)
    if recipe.generations.use_custom_hashes:
        most = min(most, len(recipe.generations.hashes))
    if number is not None and number > most:
        raise ParameterError("n", f"This model makes at most {most} at once.")
    inputs, wish = inputs_of(recipe, known), wish_of(body)
    variables, pictures = variables_of(inputs, wish), frozenset(pictures_among(inputs, wish))
    form = None
    if isinstance(body, ImageBody):
        form = format_of(inputs, wish.others, types_of(recipe, known), body.form())
    return Wanted(collection.id, variables, number, pictures, form)


def wish_of(body: Body) -> Wish:
    """Return what a request asks for."""
    usual: dict[str, Any] = {
        "prompt": body.prompt,
        "size": body.size,
        "variables": body.variables or {},
        "others": body.model_extra or {},
    }
    if isinstance(body, VideoBody):
        return Wish(**usual, images=[body.input_reference] if body.input_reference else [], seconds=body.seconds)
    return Wish(**usual, images=body.pictures(), mask=body.mask)


async def find_model(reader: Transaction, settings: Settings, user_id: UUID, name: str) -> Collection:
    """Return the collection that a model's name means. Raises :class:`ModelNotFoundError`."""
    try:
        return await collections.get_runnable(reader, user_id, further_names(settings).get(name, name))
    except NotFoundError:
        raise ModelNotFoundError from None


async def get_model(reader: Transaction, settings: Settings, user_id: UUID, name: str) -> dict[str, Any]:
    """Return a model that makes pictures or videos. Raises :class:`ModelNotFoundError`."""
    collection = await find_model(reader, settings, user_id, name)
    known = await workflows.by_names(reader, instructions.workflow_names(collection.data))
    if not _makes_any(collection, known):
        raise ModelNotFoundError
    return model_json(collection, name)


async def list_models(reader: Transaction, settings: Settings, user_id: UUID) -> list[dict[str, Any]]:
    """List the models that make pictures or videos: the user's own and public ones, and the operator's names."""
    found = {str(one.id): one async for one in _models(reader, await queries.models(reader, user_id))}
    listed = [model_json(one, one.slug or str(one.id)) for one in found.values()]
    by_name = {name: one for one in found.values() for name in (one.slug, str(one.id)) if name}
    names = further_names(settings)
    return listed + [model_json(by_name[meant], name) for name, meant in names.items() if meant in by_name]


async def _models(reader: Transaction, listed: list[Collection]) -> AsyncIterator[Collection]:
    names = set().union(*(instructions.workflow_names(one.data) for one in listed))
    known = await workflows.by_names(reader, names)
    for at, collection in enumerate(listed):
        if at % AT_ONCE == 0:
            await asyncio.sleep(0)
        if _makes_any(collection, known):
            yield collection


def _makes_any(collection: Collection, known: Mapping[str, Workflow]) -> bool:
    try:
        recipe = instructions.parse(collection.data, known.keys())
    except CollectionCorruptedError:
        return False
    return makes(PICTURE, recipe, known) or makes(VIDEO, recipe, known)


def model_json(collection: Collection, name: str) -> dict[str, Any]:
    """Show a collection as a model."""
    return {
        "id": name,
        "object": "model",
        "created": int(collection.created_at.timestamp()),
        "owned_by": "emprops",
        "name": collection.title,
        "description": collection.description,
    }


def further_names(settings: Settings) -> dict[str, str]:
    """Read ``openai_models``: ``gpt-image-1=art, dall-e-3=art``. Raises ``SettingsError`` for what is no such list."""
    names: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in settings.openai_models.split(","))):
        name, equals, meant = (part.strip() for part in item.partition("="))
        if not (name and equals and meant):
            raise SettingsError(f"EMPROPS_OPENAI_MODELS must be a list of name=collection, and {item!r} is not one.")
        names[name] = meant
    return names
