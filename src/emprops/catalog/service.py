"""What the catalog knows, and changing it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg.errors import UniqueViolation

from emprops.catalog import store
from emprops.catalog.store import CustomNode, Kind, Model, NewCustomNode, NewModel
from emprops.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.settings import Settings

NOT_FOUND: dict[Kind, str] = {"model": "Model not found", "custom_node": "Custom node not found"}


async def add_model(tx: Transaction, new: NewModel) -> Model:
    """Add a model. Raises :class:`~emprops.errors.ConflictError` if its name is taken."""
    added = await store.insert_model(tx, new_id(), new)
    if added is None:
        raise ConflictError(f"There is a model named {new.name} already.")
    return added


async def add_custom_node(tx: Transaction, new: NewCustomNode) -> CustomNode:
    """Add a custom node. Raises :class:`~emprops.errors.ConflictError` if its name is taken."""
    added = await store.insert_custom_node(tx, new_id(), new)
    if added is None:
        raise ConflictError(f"There is a custom node named {new.name} already.")
    return added


async def change_model(tx: Transaction, name: str, changes: Mapping[str, Any]) -> Model:
    """Change a model. Raises :class:`~emprops.errors.NotFoundError`, and :class:`~emprops.errors.ConflictError` if the
    new name is taken."""
    with _unique_name(changes):
        changed = await store.update_model(tx, name, changes)
    if changed is None:
        raise NotFoundError(NOT_FOUND["model"])
    return changed


async def change_custom_node(tx: Transaction, name: str, changes: Mapping[str, Any]) -> CustomNode:
    """Change a custom node. Raises as :func:`change_model`."""
    with _unique_name(changes):
        changed = await store.update_custom_node(tx, name, changes)
    if changed is None:
        raise NotFoundError(NOT_FOUND["custom_node"])
    return changed


async def delete(tx: Transaction, kind: Kind, name: str) -> None:
    """Delete a model or custom node. Raises :class:`~emprops.errors.NotFoundError`, and
    :class:`~emprops.errors.ConflictError` naming the workflows that need it."""
    if not await store.lock_entry(tx, kind, name):
        raise NotFoundError(NOT_FOUND[kind])
    needed_by = await store.workflows_that_need(tx, kind, name)
    if needed_by:
        raise ConflictError(f"Workflows need {name}: {', '.join(needed_by)}; change or delete them first.")
    await store.delete(tx, kind, name)


def check_may_add(settings: Settings, *, operator: bool) -> None:
    """Raise :class:`~emprops.errors.ForbiddenError` where only operators and services may add to the catalog."""
    if not (operator or settings.users_add_to_catalog):
        raise ForbiddenError(
            "Only operators and services add models and custom nodes here; users may with EMPROPS_CATALOG_OPEN=true."
        )


@contextmanager
def _unique_name(changes: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except UniqueViolation:
        raise ConflictError(f"The name {changes['name']} is taken already.") from None


async def require(tx: Transaction, *, models: Sequence[str], custom_nodes: Sequence[str]) -> None:
    """Check that all of these exist, and keep them so until the transaction ends.

    Raises :class:`~emprops.errors.BadRequestError` naming those that do not.
    """
    details = {
        "models": await _unknown(tx, "model", models),
        "custom_nodes": await _unknown(tx, "custom_node", custom_nodes),
    }
    sentences = [
        f"there is no {kind} named {', '.join(details[key])}"
        for key, kind in (("models", "model"), ("custom_nodes", "custom node"))
        if details[key]
    ]
    if sentences:
        sentence = "; ".join(sentences)
        raise BadRequestError(
            f"{sentence[0].upper()}{sentence[1:]}; add it first.",
            extra={"details": {key: names for key, names in details.items() if names}},
        )


async def known_models(tx: Transaction, names: Sequence[str]) -> set[str]:
    """Return those of the names that are models of the catalog."""
    return await store.lock_names(tx, "model", names) if names else set()


async def _unknown(tx: Transaction, table: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    known = await store.lock_names(tx, table, names)
    return [name for name in dict.fromkeys(names) if name not in known]
