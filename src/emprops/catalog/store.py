"""Models and custom nodes in PostgreSQL: what workflows may need, and where machines get it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model file as it is described; ``name`` is the file's name, which requirements match on."""

    name: str
    type: str | None
    description: str | None
    huggingface_id: str | None
    download_url: str | None
    file_size_gb: Decimal | None
    hash: str | None
    auth_required: bool
    auth_provider: str | None
    save_path: str | None
    dependencies: Any
    status: str | None


@dataclass(frozen=True, slots=True)
class Model(NewModel):
    """A model file."""

    id: UUID
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewCustomNode:
    """A ComfyUI extension as it is described."""

    name: str
    repository_url: str | None
    description: str | None
    branch: str | None
    commit: str | None
    recursive: bool
    requirements: bool
    env: Any
    is_default: bool
    install_order: int | None


@dataclass(frozen=True, slots=True)
class CustomNode(NewCustomNode):
    """A ComfyUI extension: a Git repository that a machine installs."""

    id: UUID
    created_at: datetime
    updated_at: datetime


Kind = Literal["model", "custom_node"]
MODEL = ", ".join(field.name for field in fields(Model))
CUSTOM_NODE = ", ".join(field.name for field in fields(CustomNode))


async def list_models(reader: Transaction, page: Page) -> list[Model]:
    """List models by name."""
    return await reader.fetch_all(
        Model, f"SELECT {MODEL} FROM model ORDER BY name LIMIT %s OFFSET %s", (page.limit, page.offset)
    )


async def models_named(reader: Transaction, names: Sequence[str]) -> list[Model]:
    """Return the models that have one of these names."""
    return await reader.fetch_all(Model, f"SELECT {MODEL} FROM model WHERE name = ANY(%s)", (_storable(names),))


async def insert_model(tx: Transaction, model_id: UUID, new: NewModel) -> Model | None:
    """Insert a model. None: its name is taken."""
    return await tx.fetch_one(Model, _insert("model", NewModel, MODEL), {"id": model_id, **_parameters(new)})


async def list_custom_nodes(reader: Transaction, page: Page, *, is_default: bool | None) -> list[CustomNode]:
    """List custom nodes in the order in which they are installed, those without a place last, then by name."""
    return await reader.fetch_all(
        CustomNode,
        f"""
        SELECT {CUSTOM_NODE} FROM custom_node
        WHERE %(is_default)s::boolean IS NULL OR is_default = %(is_default)s
        ORDER BY install_order NULLS LAST, name LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"is_default": is_default, "limit": page.limit, "offset": page.offset},
    )


async def custom_nodes_named(reader: Transaction, names: Sequence[str]) -> list[CustomNode]:
    """Return the custom nodes that have one of these names."""
    return await reader.fetch_all(
        CustomNode, f"SELECT {CUSTOM_NODE} FROM custom_node WHERE name = ANY(%s)", (_storable(names),)
    )


async def insert_custom_node(tx: Transaction, node_id: UUID, new: NewCustomNode) -> CustomNode | None:
    """Insert a custom node. None: its name is taken."""
    return await tx.fetch_one(
        CustomNode, _insert("custom_node", NewCustomNode, CUSTOM_NODE), {"id": node_id, **_parameters(new)}
    )


async def update_model(tx: Transaction, name: str, changes: Mapping[str, Any]) -> Model | None:
    """Change a model. None: there is none of this name. Raises ``UniqueViolation`` if the new name is taken."""
    return await tx.fetch_one(Model, _update("model", changes, MODEL), {**_stored(changes), "current_name": name})


async def update_custom_node(tx: Transaction, name: str, changes: Mapping[str, Any]) -> CustomNode | None:
    """Change a custom node. None: there is none of this name. Raises ``UniqueViolation`` if the new name is taken."""
    statement = _update("custom_node", changes, CUSTOM_NODE)
    return await tx.fetch_one(CustomNode, statement, {**_stored(changes), "current_name": name})


async def workflows_that_need(tx: Transaction, kind: Kind, name: str) -> list[str]:
    """Return the names of workflows that need a model or custom node, the first 20."""
    return await tx.fetch_values(
        f"""
        SELECT w.name FROM {kind} needed JOIN workflow_{kind} link ON link.{kind}_id = needed.id
        JOIN workflow w ON w.id = link.workflow_id WHERE needed.name = %s ORDER BY w.name LIMIT 20
        """,
        (name,),
    )


async def lock_entry(tx: Transaction, kind: Kind, name: str) -> bool:
    """Lock a model or custom node, so that no workflow comes to need it meanwhile. False: there is none."""
    return await tx.fetch_value(f"SELECT id FROM {kind} WHERE name = %s FOR UPDATE", (name,)) is not None


async def delete(tx: Transaction, kind: Kind, name: str) -> None:
    """Delete a model or custom node that no workflow needs."""
    await tx.execute(f"DELETE FROM {kind} WHERE name = %s", (name,))


async def lock_names(tx: Transaction, table: str, names: Sequence[str]) -> set[str]:
    """Return those of the names that exist in ``model`` or ``custom_node``; until the transaction ends they stay."""
    found = await tx.fetch_values(
        f"SELECT name FROM {table} WHERE name = ANY(%s) ORDER BY id FOR KEY SHARE", (_storable(names),)
    )
    return set(found)


def _insert(table: str, shape: type, returned: str) -> str:
    columns = ["id", *(field.name for field in fields(shape))]
    values = ", ".join(f"%({name})s" for name in columns)
    return f"""
        INSERT INTO {table} ({", ".join(columns)}) VALUES ({values})
        ON CONFLICT (name) DO NOTHING RETURNING {returned}
    """


def _update(table: str, changes: Mapping[str, Any], returned: str) -> str:
    columns = "".join(f"{name} = %({name})s, " for name in changes)
    return f"UPDATE {table} SET {columns} updated_at = now() WHERE name = %(current_name)s RETURNING {returned}"


def _parameters(new: NewModel | NewCustomNode) -> dict[str, Any]:
    return _stored({field.name: getattr(new, field.name) for field in fields(new)})


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Jsonb(value) if isinstance(value, (dict, list)) else value for name, value in values.items()}


def _storable(names: Sequence[str]) -> list[str]:
    # PostgreSQL has no text with a NUL in it, so nothing can be called that.
    return [name for name in names if "\x00" not in name]
