"""Workflow definitions in PostgreSQL."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page

CANONICAL_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
NEEDS = """
    ARRAY(SELECT m.name FROM workflow_model wm JOIN model m ON m.id = wm.model_id
          WHERE wm.workflow_id = w.id ORDER BY m.name) AS models,
    ARRAY(SELECT n.name FROM workflow_custom_node wn JOIN custom_node n ON n.id = wn.custom_node_id
          WHERE wn.workflow_id = w.id ORDER BY n.name) AS custom_nodes
"""
COLUMNS = """
    w.id, w.name, w.label, w.description, w.type, w.output_mime_type, w.display, w."order", w.requires_api_keys,
    w.user_id, w.created_at, w.updated_at
"""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow definition with what it needs on a machine."""

    id: UUID
    name: str
    label: str
    type: str
    data: Any
    output_mime_type: str
    models: tuple[str, ...] = ()
    custom_nodes: tuple[str, ...] = ()
    saved: bytes | None = None
    """A graph as ComfyUI's editor saved it, packed; None if it was not converted."""
    user_id: UUID | None = None
    """Whose it is; None: a service's."""
    owner_roles: tuple[str, ...] = ()
    """What the owner was granted."""


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """A workflow as it is stored; ``data`` None where it was not asked for."""

    id: UUID
    name: str
    label: str
    description: str
    type: str
    output_mime_type: str
    display: bool
    order: int
    requires_api_keys: bool
    user_id: UUID | None
    created_at: datetime
    updated_at: datetime
    data: Any = None
    models: Sequence[str] = ()
    custom_nodes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """What of a workflow may change."""

    label: str
    description: str
    type: str
    data: Any
    output_mime_type: str
    display: bool
    order: int
    requires_api_keys: bool


@dataclass(frozen=True, slots=True)
class UsingCollection:
    """A collection one of whose steps names a workflow."""

    id: UUID
    title: str
    open: bool
    """Whether everybody may know of it."""
    user_id: UUID


async def by_names(tx: Transaction, names: Iterable[str]) -> dict[str, Workflow]:
    """Return the workflows of these names, by name, with the names of their models and custom nodes."""
    rows = await tx.fetch_dicts(
        f"""
        SELECT w.id, w.name, w.label, w.type, w.data, w.output_mime_type, {NEEDS}, s.packed AS saved, w.user_id,
            ARRAY(SELECT role FROM user_role r WHERE r.user_id = w.user_id ORDER BY role) AS owner_roles
        FROM workflow w LEFT JOIN saved_workflow s ON s.workflow_id = w.id WHERE w.name = ANY(%s)
        """,
        # PostgreSQL has no text with a NUL in it, so no workflow can be called that.
        ([name for name in names if "\x00" not in name],),
    )
    lists = ("models", "custom_nodes", "owner_roles")
    return {row["name"]: Workflow(**row | {name: tuple(row[name]) for name in lists}) for row in rows}


async def existing(tx: Transaction, ids_or_names: Iterable[str]) -> set[str]:
    """Return those of these that are the id or name of a workflow."""
    # PostgreSQL has no text with a NUL in it, so no workflow can be called that.
    refs = [ref for ref in ids_or_names if "\x00" not in ref]
    if not refs:
        return set()
    ids = [UUID(ref) for ref in refs if CANONICAL_ID.fullmatch(ref)]
    found = await tx.fetch_dicts("SELECT id, name FROM workflow WHERE name = ANY(%s) OR id = ANY(%s)", (refs, ids))
    names, known = {row["name"] for row in found}, {str(row["id"]) for row in found}
    return {ref for ref in refs if ref in names or ref.lower() in known}


async def list_page(
    tx: Transaction, page: Page, *, with_data: bool, display: bool | None, requires_api_keys: bool | None
) -> list[WorkflowRow]:
    """List workflows by their order, then by name; None: whatever it is."""
    return await tx.fetch_all(
        WorkflowRow,
        f"""
        SELECT {COLUMNS} {", w.data" if with_data else ""} FROM workflow w
        WHERE (%(display)s::boolean IS NULL OR w.display = %(display)s)
              AND (%(keys)s::boolean IS NULL OR w.requires_api_keys = %(keys)s)
        ORDER BY w."order", w.name LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"display": display, "keys": requires_api_keys, "limit": page.limit, "offset": page.offset},
    )


async def get(tx: Transaction, name: str, *, lock: bool = False) -> WorkflowRow | None:
    """Return a workflow by its name. ``lock``: until the transaction ends, nobody else changes or deletes it."""
    if "\x00" in name:
        return None
    return await tx.fetch_one(
        WorkflowRow,
        f"SELECT {COLUMNS}, w.data, {NEEDS} FROM workflow w WHERE w.name = %s {'FOR UPDATE OF w' if lock else ''}",
        (name,),
    )


async def insert(tx: Transaction, workflow_id: UUID, name: str, user_id: UUID | None, definition: Definition) -> bool:
    """Insert a workflow. False: its name is taken."""
    added = await tx.execute(
        """
        INSERT INTO workflow (id, name, user_id, label, description, type, data, output_mime_type, display, "order",
                              requires_api_keys)
        VALUES (%(id)s, %(name)s, %(user_id)s, %(label)s, %(description)s, %(type)s, %(data)s, %(mime)s, %(display)s,
                %(order)s, %(keys)s)
        ON CONFLICT (name) DO NOTHING
        """,
        {"id": workflow_id, "name": name, "user_id": user_id, **_parameters(definition)},
    )
    return added == 1


async def update(tx: Transaction, workflow_id: UUID, definition: Definition) -> None:
    """Write what may change; the caller has the row locked."""
    await tx.execute(
        """
        UPDATE workflow SET label = %(label)s, description = %(description)s, type = %(type)s, data = %(data)s,
            output_mime_type = %(mime)s, display = %(display)s, "order" = %(order)s, requires_api_keys = %(keys)s,
            updated_at = now()
        WHERE id = %(id)s
        """,
        {"id": workflow_id, **_parameters(definition)},
    )


async def rename(tx: Transaction, workflow_id: UUID, name: str) -> None:
    """Change a workflow's name; the caller has the row locked. Raises ``UniqueViolation`` if the name is taken."""
    await tx.execute("UPDATE workflow SET name = %s WHERE id = %s", (name, workflow_id))


async def keep_saved(tx: Transaction, workflow_id: UUID, packed: bytes | None) -> None:
    """Keep the saved workflow that the graph was made of; None: there is none, or none any more."""
    if packed is None:
        await tx.execute("DELETE FROM saved_workflow WHERE workflow_id = %s", (workflow_id,))
        return
    await tx.execute(
        """
        INSERT INTO saved_workflow (workflow_id, packed) VALUES (%s, %s)
        ON CONFLICT (workflow_id) DO UPDATE SET packed = excluded.packed
        """,
        (workflow_id, packed),
    )


async def link_models(tx: Transaction, workflow_id: UUID, names: Sequence[str]) -> None:
    """Make these the models that the workflow needs; all of them exist."""
    await tx.execute("DELETE FROM workflow_model WHERE workflow_id = %s", (workflow_id,))
    await tx.execute(
        "INSERT INTO workflow_model (workflow_id, model_id) SELECT %s, id FROM model WHERE name = ANY(%s)",
        (workflow_id, list(names)),
    )


async def link_custom_nodes(tx: Transaction, workflow_id: UUID, names: Sequence[str]) -> None:
    """Make these the custom nodes that the workflow needs; all of them exist."""
    await tx.execute("DELETE FROM workflow_custom_node WHERE workflow_id = %s", (workflow_id,))
    await tx.execute(
        "INSERT INTO workflow_custom_node (workflow_id, custom_node_id) SELECT %s, id FROM custom_node"
        " WHERE name = ANY(%s)",
        (workflow_id, list(names)),
    )


async def delete(tx: Transaction, workflow_id: UUID) -> None:
    """Delete a workflow and its links."""
    await tx.execute("DELETE FROM workflow WHERE id = %s", (workflow_id,))


async def collections_using(tx: Transaction, name: str, limit: int) -> list[UsingCollection]:
    """Return collections, archived ones too, one of whose steps names the workflow; newest first.

    What is being worked on counts, and what was published last, which is what generates.
    """
    return await tx.fetch_all(
        UsingCollection,
        """
        SELECT c.id, c.title, (c.is_public OR c.is_global) AND NOT c.archived AS open, p.user_id
        FROM collection c JOIN project p ON p.id = c.project_id
        WHERE c.id IN (
            SELECT id FROM collection WHERE jsonb_path_query_array(data, '$.steps[*].nodeName') ? %(name)s
            UNION
            SELECT v.collection_id FROM collection_version v
            JOIN collection published ON published.id = v.collection_id AND published.version = v.version
            WHERE jsonb_path_query_array(v.data, '$.steps[*].nodeName') ? %(name)s AND published.status = 'published'
        )
        ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s
        """,
        {"name": name, "limit": limit},
    )


def _parameters(definition: Definition) -> dict[str, Any]:
    return {
        "label": definition.label,
        "description": definition.description,
        "type": definition.type,
        "data": Jsonb(definition.data),
        "mime": definition.output_mime_type,
        "display": definition.display,
        "order": definition.order,
        "keys": definition.requires_api_keys,
    }
