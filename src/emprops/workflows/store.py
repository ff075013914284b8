"""Workflow definitions in PostgreSQL."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow definition with what it needs on a machine (spec: Get Workflow by Name)."""

    id: UUID
    name: str
    label: str
    type: str
    data: Any
    output_mime_type: str
    models: tuple[str, ...] = ()
    custom_nodes: tuple[str, ...] = ()


async def by_names(tx: Transaction, names: Iterable[str]) -> dict[str, Workflow]:
    """Give the workflows of these names, by name, with the names of their models and custom nodes."""
    rows = await tx.fetch_dicts(
        """
        SELECT w.id, w.name, w.label, w.type, w.data, w.output_mime_type,
               ARRAY(SELECT m.name FROM workflow_model wm JOIN model m ON m.id = wm.model_id
                     WHERE wm.workflow_id = w.id ORDER BY m.name) AS models,
               ARRAY(SELECT n.name FROM workflow_custom_node wn JOIN custom_node n ON n.id = wn.custom_node_id
                     WHERE wn.workflow_id = w.id ORDER BY n.name) AS custom_nodes
        FROM workflow w WHERE w.name = ANY(%s)
        """,
        # PostgreSQL has no text with a NUL in it, so no workflow can be called that.
        ([name for name in names if "\x00" not in name],),
    )
    return {
        row["name"]: Workflow(**row | {"models": tuple(row["models"]), "custom_nodes": tuple(row["custom_nodes"])})
        for row in rows
    }


async def exists(tx: Transaction, id_or_name: str) -> bool:
    """Whether there is a workflow of that id or name."""
    if "\x00" in id_or_name:
        return False
    found = await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM workflow WHERE name = %(ref)s OR id::text = lower(%(ref)s))", {"ref": id_or_name}
    )
    return bool(found)
