"""What the catalog knows, and adding to it."""

from collections.abc import Sequence

from emprops.catalog import store
from emprops.catalog.store import CustomNode, Model, NewCustomNode, NewModel
from emprops.errors import BadRequestError, ConflictError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


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
    """Give those of the names that are models of the catalog."""
    return await store.lock_names(tx, "model", names) if names else set()


async def _unknown(tx: Transaction, table: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    known = await store.lock_names(tx, table, names)
    return [name for name in dict.fromkeys(names) if name not in known]
