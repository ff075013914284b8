"""Workflows, and what the catalog has for them."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


async def make_workflow(tx: Transaction, user_id: UUID | None = None, *, name: str | None = None) -> str:
    """A workflow of nobody, unless told whose; its name. It takes a prompt and makes a picture."""
    name = name or f"workflow-{new_id()}"
    data = {
        "form": {"fields": [{"id": "prompt", "type": "prompt_editor"}]},
        "inputs": [{"id": "prompt", "pathJq": ".payload.prompt"}],
        "job": {"service_required": "local_image", "payload": {}},
    }
    await tx.execute(
        """
        INSERT INTO workflow (id, name, label, type, data, output_mime_type, user_id)
        VALUES (%s, %s, '', 'direct_job', %s, 'image/png', %s)
        """,
        (new_id(), name, Jsonb(data), user_id),
    )
    return name


async def make_model(tx: Transaction, name: str | None = None) -> str:
    """A model of the catalog; its name."""
    name = name or f"{new_id()}.safetensors"
    await tx.execute("INSERT INTO model (id, name) VALUES (%s, %s)", (new_id(), name))
    return name


async def make_custom_node(tx: Transaction, name: str | None = None) -> str:
    """A custom node of the catalog; its name."""
    name = name or f"nodes-{new_id()}"
    await tx.execute("INSERT INTO custom_node (id, name) VALUES (%s, %s)", (new_id(), name))
    return name


async def make_noop_workflow(tx: Transaction, form: dict[str, Any], *, price: Any = 0) -> str:
    """A workflow whose step nobody but a test runs, with each field of this form in its payload; its name."""
    name = f"noop_{new_id().hex}"
    data = {
        "form": form,
        "inputs": [{"id": field["id"], "pathJq": f".payload.{field['id']}"} for field in form["fields"]],
        "job": {"service_required": "noop", "payload": {}},
        "credits": price,
    }
    await tx.execute(
        """
        INSERT INTO workflow (id, name, label, type, data, output_mime_type)
        VALUES (%s, %s, '', 'direct_job', %s, 'image/png')
        """,
        (new_id(), name, Jsonb(data)),
    )
    return name
